-- expand

CREATE TABLE shipments (
    -- Version 7, so that the order of ids is the order of creation.
    id uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    reference text NOT NULL CHECK (char_length(reference) BETWEEN 1 AND 64),
    product text NOT NULL CHECK (char_length(product) BETWEEN 1 AND 200),
    -- A check rather than a type: a later status is one more word here, in a transaction like everything else.
    status text NOT NULL DEFAULT 'draft'
        CHECK (status IN ('draft', 'booked', 'in_transit', 'arrived', 'delivered')),
    container_number text CHECK (container_number ~ '^[A-Z]{3}[UJZ][0-9]{7}$'),
    origin_port text NOT NULL CHECK (char_length(origin_port) BETWEEN 1 AND 100),
    destination_port text NOT NULL CHECK (char_length(destination_port) BETWEEN 1 AND 100),
    departs_on date,
    arrives_on date CHECK (arrives_on >= departs_on),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT shipments_reference_is_unique UNIQUE (organisation_id, reference)
);
-- The list: an organisation's shipments, newest first.
CREATE INDEX shipments_by_organisation ON shipments (organisation_id, id DESC);

ALTER TABLE shipments ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON shipments USING (organisation_id = current_organisation_id());

GRANT SELECT, INSERT ON shipments TO tracehub_app;
