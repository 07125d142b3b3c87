-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS history_of_user;
