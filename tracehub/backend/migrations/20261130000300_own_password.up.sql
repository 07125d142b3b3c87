-- expand

-- What somebody changes of themselves: their name, and their password, which ends every log-in of theirs. The role that
-- serves has compared the one before; it sees and writes no hashes but through this.
GRANT UPDATE (name) ON users TO tracehub_app;
CREATE FUNCTION change_password(id uuid, new_password_hash text) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        UPDATE public.users u SET password_hash = new_password_hash, token_version = u.token_version + 1
        WHERE u.id = change_password.id AND u.organisation_id = public.current_organisation_id()
        RETURNING u.token_version
    $$;
REVOKE ALL ON FUNCTION change_password FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_password TO tracehub_app;
