DROP FUNCTION log_out;
DROP FUNCTION is_logged_in;
DROP FUNCTION credentials_of;
ALTER TABLE users DROP COLUMN token_version;
