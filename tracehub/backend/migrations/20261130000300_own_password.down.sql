DROP FUNCTION change_password;
REVOKE UPDATE (name) ON users FROM tracehub_app;
