-- no-transaction
-- data
-- limits: statement 10min
CALL in_batches(
    $$INSERT INTO containers (organisation_id, id, shipment_id, number)
      SELECT organisation_id, gen_random_uuid(), id, container_number FROM shipments
      WHERE container_number IS NOT NULL
          AND NOT EXISTS (SELECT FROM containers WHERE shipment_id = shipments.id AND number = container_number)
      LIMIT 1000
      FOR UPDATE OF shipments
      ON CONFLICT DO NOTHING$$,
    $$SELECT count(*) FROM shipments
      WHERE container_number IS NOT NULL
          AND NOT EXISTS (SELECT FROM containers WHERE shipment_id = shipments.id AND number = container_number)$$
);
