-- expand

-- What points to somebody else's shipment reminds nobody of anything.
DO $$
    DECLARE
        organisation uuid;
    BEGIN
        FOR organisation IN SELECT id FROM organisations ORDER BY id LOOP
            PERFORM set_config('app.organisation_id', organisation::text, true);
            DELETE FROM reminders WHERE NOT EXISTS (SELECT FROM shipments WHERE shipments.id = shipment_id);
        END LOOP;
        PERFORM set_config('app.organisation_id', '', true);
    END
$$;
ALTER TABLE reminders VALIDATE CONSTRAINT reminders_shipment_is_the_organisation_s;
