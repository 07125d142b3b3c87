-- no-transaction
-- expand
CREATE INDEX CONCURRENTLY IF NOT EXISTS history_of_user ON history (organisation_id, user_id, id DESC);
