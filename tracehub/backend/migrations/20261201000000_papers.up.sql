-- expand

-- The papers of a shipment. One that was taken away keeps its rows, and its files, for as long as a backup may name it.
CREATE TABLE papers (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, shipment_id) REFERENCES shipments (organisation_id, id)
);
CREATE INDEX papers_of_shipment ON papers (organisation_id, shipment_id);

-- What a paper is at present, and what it was. Its content lies in a file of its organisation's that is named by this hash.
CREATE TABLE paper_versions (
    organisation_id uuid NOT NULL,
    paper_id uuid NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    number text CHECK (is_plain(number, 64)),
    name text NOT NULL CHECK (is_plain(name, 200)),
    size bigint NOT NULL CHECK (size > 0),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    content_type text NOT NULL CHECK (content_type ~ '^[a-z0-9.+/-]{3,100}$'),
    expires_on date,
    user_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organisation_id, paper_id, version),
    FOREIGN KEY (organisation_id, paper_id) REFERENCES papers (organisation_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, user_id) REFERENCES users (organisation_id, id)
);
CREATE INDEX paper_versions_by_content ON paper_versions (organisation_id, sha256);

-- What is on its way in parts. How much of it is there, its file says; `version` is what it became.
CREATE TABLE uploads (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    paper_id uuid NOT NULL,
    kind text NOT NULL,
    number text CHECK (is_plain(number, 64)),
    name text NOT NULL CHECK (is_plain(name, 200)),
    size bigint NOT NULL CHECK (size > 0),
    said text,
    expires_on date,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    version bigint,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, shipment_id) REFERENCES shipments (organisation_id, id),
    FOREIGN KEY (organisation_id, user_id) REFERENCES users (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE papers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON papers USING (organisation_id = current_organisation_id());
ALTER TABLE paper_versions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON paper_versions USING (organisation_id = current_organisation_id());
ALTER TABLE uploads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON uploads USING (organisation_id = current_organisation_id());

GRANT SELECT, INSERT, DELETE ON papers TO tracehub_app;
GRANT UPDATE (deleted_at) ON papers TO tracehub_app;
GRANT SELECT, INSERT ON paper_versions TO tracehub_app;
GRANT SELECT, INSERT, DELETE ON uploads TO tracehub_app;
GRANT UPDATE (version) ON uploads TO tracehub_app;
