DROP FUNCTION find_credentials;
DROP TABLE users;
DROP TABLE organisations;
DROP FUNCTION current_organisation_id;
REVOKE SELECT ON _sqlx_migrations FROM tracehub_app;
REVOKE USAGE ON SCHEMA public FROM tracehub_app;
