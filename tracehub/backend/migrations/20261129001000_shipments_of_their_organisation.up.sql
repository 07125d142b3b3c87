-- no-transaction
-- expand
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS shipments_of_their_organisation ON shipments (organisation_id, id);
