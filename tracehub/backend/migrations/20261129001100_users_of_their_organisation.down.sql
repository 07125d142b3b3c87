-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS users_of_their_organisation;
