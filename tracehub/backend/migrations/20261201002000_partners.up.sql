-- expand

-- Whom an organisation trades with. Which of them are the same is asked of the folded name, and by kind: one firm may be
-- both a buyer and an agent, and then has two rows.
CREATE FUNCTION are_plain(texts text[], longest integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(bool_and(coalesce(is_plain(text, longest), false)), true) FROM unnest(texts) AS text);

CREATE TABLE partners (
    organisation_id uuid NOT NULL REFERENCES organisations,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('buyer', 'carrier', 'agent', 'other')),
    name text NOT NULL CHECK (is_plain(name, 200)),
    name_folded text NOT NULL GENERATED ALWAYS AS (folded(name)) STORED,
    -- Line by line, as it stands on an envelope.
    address text[] NOT NULL DEFAULT '{}' CHECK (cardinality(address) <= 5 AND are_plain(address, 100)),
    country text CHECK (country ~ '^[A-Z]{2}$'),
    eori text CHECK (eori ~ '^[A-Z]{2}[A-Z0-9]{1,15}$'),
    email text CHECK (is_plain(email, 254)),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT partners_name_is_unique UNIQUE (organisation_id, kind, name_folded),
    UNIQUE (organisation_id, id, kind)
);
CREATE INDEX partners_by_name ON partners (organisation_id, name_folded, id);

-- The partners of a shipment: one buyer, and as many others as it needs. The kind is the partner's own.
CREATE TABLE shipment_partners (
    organisation_id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    kind text NOT NULL,
    PRIMARY KEY (organisation_id, shipment_id, partner_id),
    FOREIGN KEY (organisation_id, shipment_id) REFERENCES shipments (organisation_id, id),
    FOREIGN KEY (organisation_id, partner_id, kind) REFERENCES partners (organisation_id, id, kind)
);
CREATE UNIQUE INDEX shipment_partners_one_buyer ON shipment_partners (organisation_id, shipment_id) WHERE kind = 'buyer';
CREATE INDEX shipment_partners_by_partner ON shipment_partners (organisation_id, partner_id, shipment_id);

ALTER TABLE partners ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON partners USING (organisation_id = current_organisation_id());
ALTER TABLE shipment_partners ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON shipment_partners USING (organisation_id = current_organisation_id());

GRANT SELECT, INSERT, DELETE, UPDATE (name, address, country, eori, email, version, updated_at) ON partners TO tracehub_app;
GRANT SELECT, INSERT, DELETE ON shipment_partners TO tracehub_app;

-- A shipment's `buyer` is a text, which releases from before partners read and write. Whoever writes another one than the
-- partner's name into it means another buyer, and the partner is this shipment's no more.
CREATE FUNCTION forget_buyer() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
        BEGIN
            DELETE FROM public.shipment_partners link USING public.partners partner
            WHERE link.organisation_id = NEW.organisation_id AND link.shipment_id = NEW.id AND link.kind = 'buyer'
                AND partner.organisation_id = link.organisation_id AND partner.id = link.partner_id
                AND partner.name IS DISTINCT FROM NEW.buyer;
            RETURN NULL;
        END
    $$;
CREATE TRIGGER forget_buyer AFTER UPDATE OF buyer ON shipments
    FOR EACH ROW WHEN (OLD.buyer IS DISTINCT FROM NEW.buyer) EXECUTE FUNCTION forget_buyer();
