-- expand

-- Who did what to a partner or to a person, and when; what is done to a shipment is in `history`. The role that serves adds to it,
-- and takes nothing away. What a row is about may be gone by now, so no key holds it, and its name stands here. A later release
-- may know more kinds of things and of deeds: what is answered takes them as they are.
CREATE TABLE organisation_history (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,32}$'),
    about uuid NOT NULL,
    name text NOT NULL,
    what text NOT NULL CHECK (what ~ '^[a-z_]{1,32}$'),
    -- A list of fields, each with what was in it before and after.
    changes jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'array'),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, user_id) REFERENCES users (organisation_id, id)
);
CREATE INDEX organisation_history_kind ON organisation_history (organisation_id, kind, id DESC);
CREATE INDEX organisation_history_user ON organisation_history (organisation_id, user_id, id DESC);
CREATE INDEX organisation_history_about ON organisation_history (organisation_id, about, id DESC);

-- What only follows from a line in organisation_history, as a buyer's new name on each of its shipments does from its partner's: the
-- shipment's own history has it, and the organisation's tells of the cause alone.
ALTER TABLE history ADD COLUMN is_caused boolean NOT NULL DEFAULT false;

ALTER TABLE organisation_history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON organisation_history USING (organisation_id = current_organisation_id());

GRANT SELECT, INSERT ON organisation_history TO tracehub_app;

-- Whom a link for another password lets in again: its user, where that is suspended.
CREATE FUNCTION suspended_user_of_link(hash bytea, nobodys text) RETURNS TABLE (id uuid, name text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT u.id, u.name
        FROM public.links l JOIN public.users u ON u.organisation_id = l.organisation_id AND u.id = l.user_id
        WHERE l.token_hash = hash AND u.password_hash = nobodys
    $$;
REVOKE ALL ON FUNCTION suspended_user_of_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION suspended_user_of_link TO tracehub_app;
