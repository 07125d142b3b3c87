DROP TRIGGER container_of_new_shipment ON shipments;
DROP TRIGGER container_of_shipment ON shipments;
DROP FUNCTION container_of_shipment;
DROP TABLE items;
DROP TABLE containers;
DROP FUNCTION first_container;
