-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS links_of_user;
