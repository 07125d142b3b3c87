-- no-transaction
-- expand
CREATE INDEX CONCURRENTLY IF NOT EXISTS history_not_caused_of_user ON history (organisation_id, user_id, id DESC) WHERE NOT is_caused;
