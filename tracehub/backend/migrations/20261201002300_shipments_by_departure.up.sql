-- no-transaction
-- expand
CREATE INDEX CONCURRENTLY IF NOT EXISTS shipments_by_departure ON shipments (organisation_id, coalesce(departs_on, '-infinity'::date) DESC, id DESC);
