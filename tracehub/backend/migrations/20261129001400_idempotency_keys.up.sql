-- expand

-- What a request was answered that made something: sent again with the same key, it is answered the same. For a day.
CREATE TABLE idempotency_keys (
    organisation_id uuid NOT NULL,
    user_id uuid NOT NULL,
    key text NOT NULL CHECK (key ~ '^[!-~]{1,64}$'),
    -- SHA-256 of all that was asked for.
    request bytea NOT NULL CHECK (octet_length(request) = 32),
    location text NOT NULL,
    answer text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organisation_id, user_id, key),
    FOREIGN KEY (organisation_id, user_id) REFERENCES users (organisation_id, id) ON DELETE CASCADE
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (organisation_id, created_at);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON idempotency_keys USING (organisation_id = current_organisation_id());

GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO tracehub_app;
