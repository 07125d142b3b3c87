-- expand

-- The papers of a shipment name these; all of them may be left out. `stage` is where it stands, more closely than `status`,
-- by which releases from before this one read it: whoever writes `stage` writes both, and where there is none, `status` says.
-- `version` counts the changes, so that nobody writes over what they have not seen.
ALTER TABLE shipments
    ADD COLUMN stage text CHECK (stage IN ('draft', 'docs_pending', 'docs_complete', 'in_transit', 'arrived', 'customs', 'delivered', 'archived')),
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz,
    ADD COLUMN incoterm text CHECK (incoterm IN ('EXW', 'FCA', 'FAS', 'FOB', 'CFR', 'CIF', 'CPT', 'CIP', 'DAP', 'DPU', 'DDP')),
    ADD COLUMN buyer text CHECK (is_plain(buyer, 200)),
    ADD COLUMN bill_of_lading text CHECK (is_plain(bill_of_lading, 64)),
    ADD COLUMN booking text CHECK (is_plain(booking, 64)),
    ADD COLUMN vessel text CHECK (is_plain(vessel, 100)),
    ADD COLUMN voyage text CHECK (is_plain(voyage, 32));
GRANT UPDATE (
    reference, product, status, container_number, origin_port, destination_port, departs_on, arrives_on,
    stage, version, updated_at, incoterm, buyer, bill_of_lading, booking, vessel, voyage
) ON shipments TO tracehub_app;

-- Who did what to a shipment, and when. The role that serves adds to it, and takes nothing away.
CREATE TABLE history (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    user_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    what text NOT NULL CHECK (what IN ('created', 'changed')),
    -- A list of fields, each with what was in it before and after.
    changes jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'array'),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, shipment_id) REFERENCES shipments (organisation_id, id),
    FOREIGN KEY (organisation_id, user_id) REFERENCES users (organisation_id, id)
);
CREATE INDEX history_of_shipment ON history (organisation_id, shipment_id, id DESC);

ALTER TABLE history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON history USING (organisation_id = current_organisation_id());

GRANT SELECT, INSERT ON history TO tracehub_app;
