-- expand

-- Where an organisation is, as ISO 3166 has it, and what it does.
ALTER TABLE organisations ADD COLUMN country text CHECK (country ~ '^[A-Z]{2}$'),
    ADD COLUMN kind text CHECK (kind IN ('exporter', 'importer', 'agent', 'other')),
    -- What all of its papers may hold; as much as any organisation where nobody says.
    ADD COLUMN papers_bytes bigint CHECK (papers_bytes >= 0);

-- Organisations that somebody wants to make: each is made once the link is used that is mailed to the address. Its id is that
-- of the organisation to come.
CREATE TABLE sign_ups (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    email text NOT NULL CHECK (email = lower(email) AND email LIKE '_%@_%' AND is_plain(email, 254)),
    organisation text NOT NULL CHECK (is_plain(organisation, 200)),
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    kind text NOT NULL CHECK (kind IN ('exporter', 'importer', 'agent', 'other')),
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz,
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX sign_ups_by_mailbox ON sign_ups (mailbox(email), created_at);
CREATE INDEX sign_ups_by_use ON sign_ups (used_at);

ALTER TABLE sign_ups ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON sign_ups USING (organisation_id = current_organisation_id());
-- Whoever comes with a link is of no organisation yet: these functions look for it with the owner's rights.
CREATE POLICY by_token ON sign_ups TO tracehub_owner USING (true);

GRANT INSERT (organisation_id, id, token_hash, email, organisation, country, kind) ON sign_ups TO tracehub_app;

-- What is to be mailed about a sign-up: `welcome`, `known` where somebody has the address already, and nothing where the link is
-- good no more, or where the mailbox was sent three within an hour, or all of them a hundred: nobody's mailbox is filled by a
-- stranger, and nobody's name is spent on strangers.
CREATE FUNCTION answer_to_sign_up(hash bytea) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT CASE WHEN EXISTS (SELECT FROM public.users u WHERE u.email = s.email) THEN 'known' ELSE 'welcome' END
        FROM public.sign_ups s
        WHERE s.token_hash = hash AND s.used_at IS NULL AND s.created_at > now() - interval '1 day'
            AND (SELECT count(*) FROM public.sign_ups earlier
                 JOIN public.jobs j ON j.organisation_id = earlier.organisation_id AND j.about = earlier.id
                 WHERE public.mailbox(earlier.email) = public.mailbox(s.email)
                     AND j.outcome = 'done' AND j.ended_at > now() - interval '1 hour') < 3
            AND (SELECT count(*) FROM public.jobs j
                 WHERE j.data ->> 'letter' = 'sign_up' AND j.created_at > now() - interval '1 day'
                     AND j.outcome = 'done' AND j.ended_at > now() - interval '1 hour') < 100
    $$;
REVOKE ALL ON FUNCTION answer_to_sign_up FROM PUBLIC;
GRANT EXECUTE ON FUNCTION answer_to_sign_up TO tracehub_app;

-- What a link of a sign-up is good for.
CREATE FUNCTION look_at_sign_up(hash bytea) RETURNS TABLE (organisation text, email text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT s.organisation, s.email FROM public.sign_ups s
        WHERE s.token_hash = hash AND s.used_at IS NULL AND s.created_at > now() - interval '1 day'
    $$;
REVOKE ALL ON FUNCTION look_at_sign_up FROM PUBLIC;
GRANT EXECUTE ON FUNCTION look_at_sign_up TO tracehub_app;

-- Makes the organisation and its owner, once: of many who come at once, one finds the link unused. Gives the address that logs
-- in from then on. Twenty are made within a day at most, and the papers of each may hold 200 MiB until an operator says otherwise:
-- disk costs, and these pay nothing.
CREATE FUNCTION use_sign_up(hash bytea, new_id uuid, new_name text, new_password_hash text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            made public.sign_ups;
        BEGIN
            UPDATE public.sign_ups s SET used_at = now()
            WHERE s.token_hash = hash AND s.used_at IS NULL AND s.created_at > now() - interval '1 day'
            RETURNING * INTO made;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            PERFORM pg_advisory_xact_lock(hashtextextended('sign-ups', 0));
            IF (SELECT count(*) FROM public.sign_ups s WHERE s.used_at > now() - interval '1 day') > 20 THEN
                RAISE EXCEPTION 'twenty organisations have signed up within a day'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'sign_ups_a_day';
            END IF;
            PERFORM set_config('app.organisation_id', made.organisation_id::text, true);
            INSERT INTO public.organisations (id, name, country, kind, papers_bytes)
            VALUES (made.organisation_id, made.organisation, made.country, made.kind, 200 * 1024 * 1024);
            INSERT INTO public.users (id, organisation_id, email, name, role, password_hash)
            VALUES (new_id, made.organisation_id, made.email, new_name, 'owner', new_password_hash);
            RETURN made.email;
        END
    $$;
REVOKE ALL ON FUNCTION use_sign_up FROM PUBLIC;
GRANT EXECUTE ON FUNCTION use_sign_up TO tracehub_app;

-- Forgets sign-ups a week after they were asked for: what came of one is an organisation.
CREATE FUNCTION forget_sign_ups() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH forgotten AS (DELETE FROM public.sign_ups WHERE created_at < now() - interval '7 days' RETURNING 1)
        SELECT count(*) FROM forgotten
    $$;
REVOKE ALL ON FUNCTION forget_sign_ups FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_sign_ups TO tracehub_app;
