-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS history_not_caused;
