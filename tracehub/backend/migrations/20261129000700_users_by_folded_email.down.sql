-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS users_by_folded_email;
