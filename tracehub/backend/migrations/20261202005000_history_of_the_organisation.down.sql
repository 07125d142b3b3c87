DROP FUNCTION suspended_user_of_link;
DROP TABLE organisation_history;
