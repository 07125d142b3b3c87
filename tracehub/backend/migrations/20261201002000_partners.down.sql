DROP TRIGGER forget_buyer ON shipments;
DROP FUNCTION forget_buyer;
DROP TABLE shipment_partners;
DROP TABLE partners;
DROP FUNCTION are_plain;
