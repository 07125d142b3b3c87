-- expand

-- What somebody may do in their organisation. Whoever is there already could do everything until now, and so can whom a
-- release from before this one makes.
ALTER TABLE users ADD COLUMN role text NOT NULL DEFAULT 'owner' CHECK (role IN ('owner', 'manager', 'member', 'viewer'));
GRANT SELECT (role), UPDATE (role) ON users TO tracehub_app;

-- Links that open something once: an invitation makes its address a user, the other kind gives its user another password.
-- Whoever has the link may; here is its hash only.
CREATE TABLE links (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('invitation', 'password')),
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    email text CHECK (email = lower(email) AND email LIKE '_%@_%' AND is_plain(email, 254)),
    role text CHECK (role IN ('owner', 'manager', 'member', 'viewer')),
    user_id uuid,
    made_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, user_id) REFERENCES users (organisation_id, id),
    FOREIGN KEY (organisation_id, made_by) REFERENCES users (organisation_id, id),
    CONSTRAINT links_say_for_whom CHECK (
        CASE kind WHEN 'invitation' THEN email IS NOT NULL AND role IS NOT NULL AND user_id IS NULL
                  ELSE email IS NULL AND role IS NULL AND user_id IS NOT NULL END
    )
);

ALTER TABLE links ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON links USING (organisation_id = current_organisation_id());
-- Whoever comes with a link is of no organisation yet: these functions look for it with the owner's rights.
CREATE POLICY by_token ON links FOR SELECT TO tracehub_owner USING (true);

GRANT SELECT (organisation_id, id, kind, email, role, user_id, made_by, created_at, expires_at, used_at), INSERT, DELETE
    ON links TO tracehub_app;

-- As is_logged_in, with what the user may do: nothing when it is no good token.
CREATE FUNCTION role_of_token(id uuid, organisation uuid, version bigint) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT u.role FROM public.users u
        WHERE u.id = role_of_token.id AND u.organisation_id = organisation AND u.token_version = version
    $$;
REVOKE ALL ON FUNCTION role_of_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION role_of_token TO tracehub_app;

-- The people of the transaction's organisation. Who is suspended has a hash that no password fits, and the role that serves
-- sees no hashes.
CREATE FUNCTION people(nobodys text)
    RETURNS TABLE (id uuid, email text, name text, role text, created_at timestamptz, is_suspended boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT u.id, u.email, u.name, u.role, u.created_at, u.password_hash = nobodys
        FROM public.users u WHERE u.organisation_id = public.current_organisation_id()
    $$;
REVOKE ALL ON FUNCTION people FROM PUBLIC;
GRANT EXECUTE ON FUNCTION people TO tracehub_app;

-- Ends every token of a user, and fits no password any more. A link that would give another password is gone as well.
CREATE FUNCTION suspend(id uuid, nobodys text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        UPDATE public.users u SET password_hash = nobodys, token_version = u.token_version + 1
        WHERE u.id = suspend.id AND u.organisation_id = public.current_organisation_id();
        DELETE FROM public.links l
        WHERE l.user_id = suspend.id AND l.used_at IS NULL AND l.organisation_id = public.current_organisation_id()
    $$;
REVOKE ALL ON FUNCTION suspend FROM PUBLIC;
GRANT EXECUTE ON FUNCTION suspend TO tracehub_app;

-- What a link is good for; nothing when it is none, was used, or has expired.
CREATE FUNCTION look_at_link(hash bytea)
    RETURNS TABLE (kind text, organisation text, email text, role text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT l.kind, o.name, coalesce(l.email, u.email), coalesce(l.role, u.role)
        FROM public.links l
        JOIN public.organisations o ON o.id = l.organisation_id
        LEFT JOIN public.users u ON u.id = l.user_id AND u.organisation_id = l.organisation_id
        WHERE l.token_hash = hash AND l.used_at IS NULL AND l.expires_at > now()
    $$;
REVOKE ALL ON FUNCTION look_at_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION look_at_link TO tracehub_app;

-- Uses a link, once: of many who come at once, one finds it unused. Gives the address that logs in from then on.
CREATE FUNCTION use_link(hash bytea, new_id uuid, new_name text, new_password_hash text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            link public.links;
            address text;
        BEGIN
            SELECT * INTO link FROM public.links l WHERE l.token_hash = hash;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            PERFORM set_config('app.organisation_id', link.organisation_id::text, true);
            UPDATE public.links l SET used_at = now()
            WHERE l.token_hash = hash AND l.used_at IS NULL AND l.expires_at > now();
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            IF link.kind = 'invitation' THEN
                INSERT INTO public.users (id, organisation_id, email, name, role, password_hash)
                VALUES (new_id, link.organisation_id, link.email, new_name, link.role, new_password_hash)
                RETURNING users.email INTO address;
            ELSE
                UPDATE public.users u SET password_hash = new_password_hash, token_version = u.token_version + 1
                WHERE u.id = link.user_id RETURNING u.email INTO address;
            END IF;
            RETURN address;
        END
    $$;
REVOKE ALL ON FUNCTION use_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION use_link TO tracehub_app;
