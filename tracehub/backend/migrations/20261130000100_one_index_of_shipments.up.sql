-- no-transaction
-- expand
-- What is asked of it, shipments_of_their_organisation answers as well.
DROP INDEX CONCURRENTLY IF EXISTS shipments_by_organisation;
