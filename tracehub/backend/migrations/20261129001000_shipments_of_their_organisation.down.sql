-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS shipments_of_their_organisation;
