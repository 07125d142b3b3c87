-- no-transaction
-- expand
CREATE INDEX CONCURRENTLY IF NOT EXISTS links_of_user ON links (organisation_id, user_id);
