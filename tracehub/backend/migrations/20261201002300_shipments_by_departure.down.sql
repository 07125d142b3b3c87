-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS shipments_by_departure;
