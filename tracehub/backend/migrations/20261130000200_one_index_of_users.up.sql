-- no-transaction
-- expand
-- What is asked of it, users_of_their_organisation answers as well.
DROP INDEX CONCURRENTLY IF EXISTS users_by_organisation;
