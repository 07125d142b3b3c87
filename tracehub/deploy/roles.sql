-- The two roles of the app, and its database. Run by the platform each time that it is started, by the superuser,
-- inside the database's own container, so that the passwords are read from files there and are in no command line.

\set ON_ERROR_STOP on
-- A statement that fails is not written to the server's log: it would hold a password.
SET log_min_error_statement = panic;
SET log_statement = none;

\set owner_password `cat /run/secrets/database_owner_password`
\set app_password `cat /run/secrets/database_app_password`

SELECT 'CREATE ROLE tracehub_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tracehub_owner') \gexec
SELECT 'CREATE ROLE tracehub_app' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tracehub_app') \gexec

-- One owns the schema, the other serves and owns nothing, so that row-level security holds for it.
ALTER ROLE tracehub_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
ALTER ROLE tracehub_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'app_password';

SELECT 'CREATE DATABASE tracehub OWNER tracehub_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'tracehub') \gexec
REVOKE ALL ON DATABASE tracehub FROM PUBLIC;
GRANT CONNECT ON DATABASE tracehub TO tracehub_app;
-- Everybody may connect to these two by themselves; nobody but the superuser has anything to do there.
REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;
