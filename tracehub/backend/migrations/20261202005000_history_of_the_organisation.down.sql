DROP FUNCTION suspended_user_of_link;
ALTER TABLE history DROP COLUMN is_caused;
DROP TABLE organisation_history;
