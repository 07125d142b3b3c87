-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS shipments_by_organisation ON shipments (organisation_id, id DESC);
