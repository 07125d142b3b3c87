-- What SQLAlchemy's `create_all()` makes of models like TraceHub's: varchar, times without a zone, `ix_` names, enum types, no
-- checks, no row-level security, and an owner of its own.
CREATE TYPE shipmentstatus AS ENUM ('draft', 'booked', 'in_transit', 'arrived', 'delivered');
CREATE TABLE organisations (
    id UUID NOT NULL,
    name VARCHAR(200) NOT NULL,
    created_at TIMESTAMP WITHOUT TIME ZONE,
    PRIMARY KEY (id)
);
CREATE TABLE users (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    email VARCHAR(254) NOT NULL,
    name VARCHAR(200) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    created_at TIMESTAMP WITHOUT TIME ZONE,
    PRIMARY KEY (id),
    FOREIGN KEY (organisation_id) REFERENCES organisations (id)
);
CREATE UNIQUE INDEX ix_users_email ON users (email);
CREATE TABLE shipments (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    reference VARCHAR(64) NOT NULL,
    product VARCHAR NOT NULL,
    status shipmentstatus NOT NULL,
    container_number VARCHAR(11),
    origin_port VARCHAR NOT NULL,
    destination_port VARCHAR NOT NULL,
    departs_on DATE,
    arrives_on DATE,
    created_at TIMESTAMP WITHOUT TIME ZONE,
    PRIMARY KEY (id),
    FOREIGN KEY (organisation_id) REFERENCES organisations (id)
);
CREATE INDEX ix_shipments_reference ON shipments (reference);
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
