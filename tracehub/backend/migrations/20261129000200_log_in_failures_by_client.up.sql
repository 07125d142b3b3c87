-- no-transaction
-- expand
CREATE INDEX CONCURRENTLY IF NOT EXISTS log_in_failures_by_client ON log_in_failures (client, failed_at DESC);
