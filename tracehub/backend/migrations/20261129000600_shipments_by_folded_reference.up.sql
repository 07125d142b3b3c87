-- no-transaction
-- expand
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS shipments_by_folded_reference ON shipments (organisation_id, reference_folded);
