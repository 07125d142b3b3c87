-- expand

-- Log-ins of browsers: each has a random token in a cookie, of which only the hash is here.
CREATE TABLE sessions (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    -- That of its user when it began: whatever makes the next one (another password, a suspension) ends every session, also where
    -- a release from before there were sessions does it.
    token_version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- To the hour.
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '30 days',
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, user_id) REFERENCES users (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX sessions_of_user ON sessions (organisation_id, user_id, seen_at);

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON sessions USING (organisation_id = current_organisation_id());
-- Whoever comes with a cookie is of no organisation yet: these functions look for it with the owner's rights.
CREATE POLICY by_token ON sessions TO tracehub_owner USING (true);

GRANT SELECT (organisation_id, id, user_id, seen_at), UPDATE (seen_at), DELETE ON sessions TO tracehub_app;

-- The session of a cookie, or of a token that names one, if that has not ended: by its time, by a week in which nobody came, or with
-- every other log-in of its user. Asked before the transaction knows its organisation, in the statement that sets it.
CREATE FUNCTION find_session(hash bytea, organisation uuid, session uuid)
    RETURNS TABLE (organisation_id uuid, id uuid, user_id uuid, role text, is_to_be_seen boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT s.organisation_id, s.id, s.user_id, u.role, s.seen_at < now() - interval '1 hour'
        FROM public.sessions s
        JOIN public.users u ON u.organisation_id = s.organisation_id AND u.id = s.user_id AND u.token_version = s.token_version
        WHERE s.token_hash = coalesce(hash, (SELECT n.token_hash FROM public.sessions n
                                             WHERE n.organisation_id = organisation AND n.id = session))
            AND s.expires_at > now() AND s.seen_at > now() - interval '7 days'
    $$;
REVOKE ALL ON FUNCTION find_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_session TO tracehub_app;

-- Begins a session of somebody whose password was right while they had this version: if they have another one since, it has ended as
-- it begins. The session that the browser had before ends, whosever it was, and of a user's those that were seen longest ago: twenty
-- stay at most. Gives its end.
CREATE FUNCTION begin_session(new_id uuid, whose uuid, version bigint, hash bytea, replaced bytea) RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            organisation CONSTANT uuid := public.current_organisation_id();
            ends timestamptz;
        BEGIN
            -- One after the other, so that twenty stay and no two wait for each other.
            PERFORM FROM public.users u WHERE u.organisation_id = organisation AND u.id = whose FOR NO KEY UPDATE;
            DELETE FROM public.sessions s WHERE s.token_hash = replaced;
            DELETE FROM public.sessions s WHERE s.organisation_id = organisation AND s.id IN (
                SELECT o.id FROM public.sessions o WHERE o.organisation_id = organisation AND o.user_id = whose
                ORDER BY o.seen_at DESC, o.id DESC OFFSET 19);
            INSERT INTO public.sessions (organisation_id, id, user_id, token_hash, token_version)
            VALUES (organisation, new_id, whose, hash, version) RETURNING expires_at INTO ends;
            RETURN ends;
        END
    $$;
REVOKE ALL ON FUNCTION begin_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_session TO tracehub_app;

-- Ends every log-in of a user but this session: also tokens of releases from before there were sessions, which name none. One that
-- ended meanwhile stays so.
CREATE FUNCTION end_other_sessions(whose uuid, kept uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            organisation CONSTANT uuid := public.current_organisation_id();
            next bigint;
        BEGIN
            UPDATE public.users u SET token_version = u.token_version + 1
            WHERE u.organisation_id = organisation AND u.id = whose RETURNING u.token_version INTO next;
            DELETE FROM public.sessions s
            WHERE s.organisation_id = organisation AND s.user_id = whose AND s.id IS DISTINCT FROM kept;
            UPDATE public.sessions s SET token_version = next
            WHERE s.organisation_id = organisation AND s.user_id = whose AND s.id = kept AND s.token_version = next - 1;
        END
    $$;
REVOKE ALL ON FUNCTION end_other_sessions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_other_sessions TO tracehub_app;

-- A user's sessions that have not ended.
CREATE FUNCTION open_sessions(whose uuid)
    RETURNS TABLE (id uuid, created_at timestamptz, seen_at timestamptz, expires_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT s.id, s.created_at, s.seen_at, s.expires_at
        FROM public.sessions s
        JOIN public.users u ON u.organisation_id = s.organisation_id AND u.id = s.user_id AND u.token_version = s.token_version
        WHERE s.organisation_id = public.current_organisation_id() AND s.user_id = whose
            AND s.expires_at > now() AND s.seen_at > now() - interval '7 days'
    $$;
REVOKE ALL ON FUNCTION open_sessions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_sessions TO tracehub_app;

-- Forgets sessions that have ended.
CREATE FUNCTION forget_sessions() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH forgotten AS (
            DELETE FROM public.sessions s USING public.users u
            WHERE u.organisation_id = s.organisation_id AND u.id = s.user_id
                AND (s.expires_at < now() OR s.seen_at < now() - interval '7 days' OR s.token_version <> u.token_version) RETURNING 1
        )
        SELECT count(*) FROM forgotten
    $$;
REVOKE ALL ON FUNCTION forget_sessions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_sessions TO tracehub_app;
