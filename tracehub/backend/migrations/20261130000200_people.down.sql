DROP FUNCTION use_link;
DROP FUNCTION look_at_link;
DROP FUNCTION suspend;
DROP FUNCTION people;
DROP FUNCTION role_of_token;
DROP TABLE links;
REVOKE SELECT (role), UPDATE (role) ON users FROM tracehub_app;
ALTER TABLE users DROP COLUMN role;
