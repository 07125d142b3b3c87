-- no-transaction
-- expand
CREATE INDEX CONCURRENTLY IF NOT EXISTS shipments_by_arrival ON shipments (organisation_id, coalesce(arrives_on, '-infinity'::date) DESC, id DESC);
