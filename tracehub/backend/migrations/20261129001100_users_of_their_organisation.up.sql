-- no-transaction
-- expand
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_of_their_organisation ON users (organisation_id, id);
