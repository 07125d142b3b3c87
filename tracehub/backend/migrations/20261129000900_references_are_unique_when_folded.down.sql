ALTER TABLE shipments DROP CONSTRAINT shipments_reference_is_unique;
ALTER TABLE shipments ADD CONSTRAINT shipments_reference_is_unique UNIQUE (organisation_id, reference);
CREATE UNIQUE INDEX shipments_by_folded_reference ON shipments (organisation_id, reference_folded);
