-- no-transaction
-- expand
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_by_folded_email ON users (email_folded);
