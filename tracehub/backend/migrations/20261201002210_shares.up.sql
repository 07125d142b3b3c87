-- expand

-- What somebody outside is shown of a shipment: these papers of it, to whoever has the link, and its passcode where it has one.
CREATE TABLE shares (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    -- For whom, in the words of who made it.
    buyer text CHECK (is_plain(buyer, 200)),
    language text NOT NULL CHECK (language IN ('en', 'fr')),
    passcode_hash text CHECK (passcode_hash LIKE '$argon2id$%'),
    has_passcode boolean NOT NULL GENERATED ALWAYS AS (passcode_hash IS NOT NULL) STORED,
    made_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    opened bigint NOT NULL DEFAULT 0,
    opened_at timestamptz,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, shipment_id) REFERENCES shipments (organisation_id, id),
    FOREIGN KEY (organisation_id, made_by) REFERENCES users (organisation_id, id)
);
CREATE INDEX shares_of_shipment ON shares (organisation_id, shipment_id, id DESC);

CREATE TABLE share_papers (
    organisation_id uuid NOT NULL,
    share_id uuid NOT NULL,
    paper_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, share_id, paper_id),
    FOREIGN KEY (organisation_id, share_id) REFERENCES shares (organisation_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, paper_id) REFERENCES papers (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE shares ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON shares USING (organisation_id = current_organisation_id());
-- Whoever comes with a link is of no organisation: the function looks for it with the owner's rights.
CREATE POLICY by_token ON shares FOR SELECT TO tracehub_owner USING (true);
ALTER TABLE share_papers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON share_papers USING (organisation_id = current_organisation_id());

GRANT SELECT (organisation_id, id, shipment_id, buyer, language, has_passcode, made_by, created_at, expires_at, revoked_at, opened, opened_at),
    INSERT (organisation_id, id, shipment_id, token_hash, buyer, language, passcode_hash, made_by, expires_at),
    UPDATE (revoked_at, opened, opened_at) ON shares TO tracehub_app;
GRANT SELECT, INSERT ON share_papers TO tracehub_app;

-- What a link shows; nothing when it is none, has expired, or was taken back.
CREATE FUNCTION share_of_token(hash bytea)
    RETURNS TABLE (organisation_id uuid, id uuid, language text, passcode_hash text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT s.organisation_id, s.id, s.language, s.passcode_hash FROM public.shares s
        WHERE s.token_hash = hash AND s.revoked_at IS NULL AND s.expires_at > now()
    $$;
REVOKE ALL ON FUNCTION share_of_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION share_of_token TO tracehub_app;
