-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS log_in_failures_by_client;
