DROP TABLE history;
REVOKE UPDATE (
    reference, product, status, container_number, origin_port, destination_port, departs_on, arrives_on,
    stage, version, updated_at, incoterm, buyer, bill_of_lading, booking, vessel, voyage
) ON shipments FROM tracehub_app;
ALTER TABLE shipments
    DROP COLUMN stage,
    DROP COLUMN version,
    DROP COLUMN updated_at,
    DROP COLUMN incoterm,
    DROP COLUMN buyer,
    DROP COLUMN bill_of_lading,
    DROP COLUMN booking,
    DROP COLUMN vessel,
    DROP COLUMN voyage;
