-- expand

-- A foreign key looks past row-level security: by this one, a row's shipment is of the row's own organisation.
ALTER TABLE reminders ADD CONSTRAINT reminders_shipment_is_the_organisation_s
    FOREIGN KEY (organisation_id, shipment_id) REFERENCES shipments (organisation_id, id) NOT VALID;
