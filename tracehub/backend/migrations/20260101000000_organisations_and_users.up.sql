-- expand

-- Two roles exist before the first migration, made by whoever runs the server: tracehub_owner, who runs this, and
-- tracehub_app, who serves and owns nothing. What the latter may do is granted here, table by table.
GRANT USAGE ON SCHEMA public TO tracehub_app;
-- The readiness check compares what is applied with what it was built for.
GRANT SELECT ON _sqlx_migrations TO tracehub_app;

-- The organisation that the transaction is about, or null, which equals nothing. A setting that was once local to
-- a transaction is an empty string afterwards, hence the nullif.
CREATE FUNCTION current_organisation_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.organisation_id', true), '')::uuid;

CREATE TABLE organisations (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    -- One user, one organisation: the address alone finds both at log-in.
    email text NOT NULL CONSTRAINT users_email_is_unique UNIQUE
        CHECK (email = lower(email) AND email LIKE '_%@_%' AND char_length(email) <= 254),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    password_hash text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_by_organisation ON users (organisation_id);

-- FORCE, so that the owner is held to it as well: a query that forgets the organisation finds nothing, whoever asks.
ALTER TABLE organisations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON organisations USING (id = current_organisation_id());
CREATE POLICY own_organisation ON users USING (organisation_id = current_organisation_id());

GRANT SELECT ON organisations TO tracehub_app;
-- Not the hash: that is handed out by find_credentials only.
GRANT SELECT (id, organisation_id, email, name, created_at) ON users TO tracehub_app;

-- Logging in has to find a user before any organisation is known. So this one question is asked with the owner's
-- rights: one address in, at most one row out, and a search path that nobody can put a table of their own into.
CREATE POLICY log_in ON users FOR SELECT TO tracehub_owner USING (true);
CREATE FUNCTION find_credentials(address text)
    RETURNS TABLE (user_id uuid, organisation_id uuid, password_hash text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT u.id, u.organisation_id, u.password_hash FROM public.users u WHERE u.email = lower(address)
    $$;
REVOKE ALL ON FUNCTION find_credentials FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_credentials TO tracehub_app;
