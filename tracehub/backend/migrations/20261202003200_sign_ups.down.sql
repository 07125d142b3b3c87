DROP FUNCTION forget_sign_ups;
DROP FUNCTION use_sign_up;
DROP FUNCTION look_at_sign_up;
DROP FUNCTION answer_to_sign_up;
DROP TABLE sign_ups;
ALTER TABLE organisations DROP COLUMN papers_bytes, DROP COLUMN kind, DROP COLUMN country;
