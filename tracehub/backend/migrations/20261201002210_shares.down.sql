DROP FUNCTION share_of_token;
DROP TABLE share_papers;
DROP TABLE shares;
