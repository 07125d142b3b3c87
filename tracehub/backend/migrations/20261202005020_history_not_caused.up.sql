-- no-transaction
-- expand
CREATE INDEX CONCURRENTLY IF NOT EXISTS history_not_caused ON history (organisation_id, id DESC) WHERE NOT is_caused;
