-- expand

-- Who fails to log in too often waits. Counted here, since two releases answer at once and one may start anew.
CREATE TABLE log_in_failures (
    -- SHA-256 of the address in lower case. Anybody may type anything there; who it was need not be kept.
    address bytea NOT NULL CHECK (octet_length(address) = 32),
    failed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX log_in_failures_by_address ON log_in_failures (address, failed_at DESC);
CREATE INDEX log_in_failures_by_time ON log_in_failures (failed_at);

-- No row-level security: whoever logs in belongs to no organisation yet, nor does an address that nobody has.
GRANT SELECT, INSERT, DELETE ON log_in_failures TO tracehub_app;
