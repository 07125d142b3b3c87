-- expand

-- A token says which version of its user it was given to. Logging out makes the next version, and every token from
-- before is none. One from a release that knew no versions counts as version 0.
ALTER TABLE users ADD COLUMN token_version bigint NOT NULL DEFAULT 0;

-- As find_credentials, with the version. That one stays, for the release from before this. The address is compared as it
-- is: who asks has put it in lower case, and counts what fails by the same form of it.
CREATE FUNCTION credentials_of(address text)
    RETURNS TABLE (user_id uuid, organisation_id uuid, password_hash text, token_version bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT u.id, u.organisation_id, u.password_hash, u.token_version
        FROM public.users u WHERE u.email = address
    $$;
REVOKE ALL ON FUNCTION credentials_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credentials_of TO tracehub_app;

-- Whether a token is still good: its user is there, in its organisation, and has not logged out since. Asked before the
-- transaction knows its organisation, in the statement that sets it; hence with the owner's rights, which see every user.
CREATE FUNCTION is_logged_in(id uuid, organisation uuid, version bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT EXISTS (
            SELECT FROM public.users u
            WHERE u.id = is_logged_in.id AND u.organisation_id = organisation AND u.token_version = version
        )
    $$;
REVOKE ALL ON FUNCTION is_logged_in FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_logged_in TO tracehub_app;

-- Ends every token of a user; of no other than one of the transaction's own organisation, since row-level security holds
-- for the owner as well.
CREATE FUNCTION log_out(id uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        UPDATE public.users u SET token_version = u.token_version + 1
        WHERE u.id = log_out.id AND u.organisation_id = public.current_organisation_id()
    $$;
REVOKE ALL ON FUNCTION log_out FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log_out TO tracehub_app;
