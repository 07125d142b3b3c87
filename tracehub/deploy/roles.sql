-- The two roles of the app, and its database. Run by the platform each time that it is started, by the superuser,
-- inside the database's own container, so that the passwords are read from files there and are in no command line.
--
-- Each of the two may come in by another name too, with a password of its own, and acts as that role then: so a password is
-- exchanged while the one before is still good. xtask says by `database_app_role` and `database_app_version` whose turn it is, and
-- which file has the password; the same of the owner. The other name keeps the password that it has.

\set ON_ERROR_STOP on
-- A statement that fails is not written to the server's log: it would hold a password.
SET log_min_error_statement = panic;
SET log_statement = none;

-- A container from before versions lay in a folder has the one file.
\set owner_password `cat /run/secrets/database_owner_password/:database_owner_version 2>/dev/null || cat /run/secrets/database_owner_password`
\set app_password `cat /run/secrets/database_app_password/:database_app_version 2>/dev/null || cat /run/secrets/database_app_password`
SELECT '' IN (:'owner_password', :'app_password') AS is_unread \gset
\if :is_unread
DO 'BEGIN RAISE EXCEPTION ''the passwords of the roles can not be read in the container of the database''; END';
\endif

SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['tracehub_owner', 'tracehub_app', :'database_owner_role', :'database_app_role']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) GROUP BY name \gexec

-- One owns the schema, the other serves and owns nothing, so that row-level security holds for it.
ALTER ROLE tracehub_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
ALTER ROLE tracehub_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
ALTER ROLE :"database_owner_role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
ALTER ROLE :"database_app_role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'app_password';
ALTER ROLE :"database_app_role" SET idle_in_transaction_session_timeout = '30s';
SELECT :'database_owner_role' <> 'tracehub_owner' AS is_owner_in_turn, :'database_app_role' <> 'tracehub_app' AS is_app_in_turn \gset
\if :is_owner_in_turn
GRANT tracehub_owner TO :"database_owner_role";
ALTER ROLE :"database_owner_role" SET role = 'tracehub_owner';
\endif
\if :is_app_in_turn
GRANT tracehub_app TO :"database_app_role";
ALTER ROLE :"database_app_role" SET role = 'tracehub_app';
\endif

SELECT 'CREATE DATABASE tracehub OWNER tracehub_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'tracehub') \gexec
REVOKE ALL ON DATABASE tracehub FROM PUBLIC;
GRANT CONNECT ON DATABASE tracehub TO tracehub_app;
-- Everybody may connect to these two by themselves; nobody but the superuser has anything to do there.
REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;
ALTER ROLE tracehub_app SET idle_in_transaction_session_timeout = '30s';

-- Through the socket comes who the kernel says that one is: root and the server's own user, in the database's container, where
-- `docker exec` starts what works on it, and in that of the backups by themselves, which has the socket too. A cluster begins by believing anybody there. The superuser has no password, and so
-- can't come in any other way.
SELECT current_setting('hba_file') AS hba_file, current_setting('ident_file') AS ident_file,
       EXISTS (SELECT FROM pg_hba_file_rules WHERE auth_method = 'trust') AS trusts \gset
\if :trusts
COPY (VALUES ('inside root postgres'), ('inside postgres postgres'),
             ('inside postgres tracehub_owner'), ('inside postgres tracehub_app')) TO :'ident_file';
COPY (VALUES ('local all all peer map=inside'), ('host all all all scram-sha-256')) TO :'hba_file';
SELECT pg_reload_conf() \g /dev/null
\endif
