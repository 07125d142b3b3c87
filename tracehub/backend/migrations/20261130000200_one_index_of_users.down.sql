-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_by_organisation ON users (organisation_id);
