-- expand

-- What a shipment travels in. Weights are in grams, which are whole whatever a scale shows.
CREATE TABLE containers (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    number text NOT NULL CHECK (number ~ '^[A-Z]{3}[UJZ][0-9]{7}$'),
    -- Size and type, as ISO 6346 codes them: 45G1 is a dry one of 40 feet, and high.
    kind text CHECK (kind ~ '^[A-Z0-9]{4}$'),
    seal text CHECK (is_plain(seal, 32)),
    gross_grams bigint CHECK (gross_grams BETWEEN 1 AND 100000000000),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT containers_number_is_unique UNIQUE (organisation_id, shipment_id, number),
    FOREIGN KEY (organisation_id, shipment_id) REFERENCES shipments (organisation_id, id)
);
CREATE INDEX containers_by_number ON containers (organisation_id, number);

-- What is in it: goods of one kind, as they stand on the packing list.
CREATE TABLE items (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    goods text NOT NULL CHECK (is_plain(goods, 200)),
    hs_code text CHECK (hs_code ~ '^[0-9]{6,8}$'),
    packages bigint CHECK (packages BETWEEN 1 AND 10000000),
    package_kind text CHECK (is_plain(package_kind, 40)),
    net_grams bigint CHECK (net_grams BETWEEN 1 AND 100000000000),
    gross_grams bigint CHECK (gross_grams BETWEEN 1 AND 100000000000),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organisation_id, id),
    CHECK (gross_grams >= net_grams),
    FOREIGN KEY (organisation_id, shipment_id) REFERENCES shipments (organisation_id, id)
);
CREATE INDEX items_of_shipment ON items (organisation_id, shipment_id, created_at, id);

ALTER TABLE containers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON containers USING (organisation_id = current_organisation_id());
ALTER TABLE items ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON items USING (organisation_id = current_organisation_id());

GRANT SELECT, INSERT, DELETE, UPDATE (number, kind, seal, gross_grams, version) ON containers TO tracehub_app;
GRANT SELECT, INSERT, DELETE, UPDATE (goods, hs_code, packages, package_kind, net_grams, gross_grams, version) ON items TO tracehub_app;

-- Releases from before containers know one number, in the shipment's own row: it is always that of the first container, and
-- whoever writes another one there has given the first container another number. What a trigger writes there is right already.
CREATE FUNCTION container_of_shipment() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            before text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.container_number END;
            is_there boolean := EXISTS (
                SELECT FROM public.containers it
                WHERE it.organisation_id = NEW.organisation_id AND it.shipment_id = NEW.id AND it.number = NEW.container_number);
        BEGIN
            IF NEW.container_number IS NULL OR is_there THEN
                DELETE FROM public.containers it
                WHERE it.organisation_id = NEW.organisation_id AND it.shipment_id = NEW.id AND it.number = before
                    AND num_nonnulls(it.kind, it.seal, it.gross_grams) = 0;
                -- Who knows only its number does not know what would go with it: it stays, and so does the number.
                UPDATE public.shipments s SET container_number = before
                FROM public.containers it
                WHERE s.organisation_id = NEW.organisation_id AND s.id = NEW.id
                    AND it.organisation_id = s.organisation_id AND it.shipment_id = s.id AND it.number = before;
                RETURN NULL;
            END IF;
            UPDATE public.containers it SET number = NEW.container_number, version = it.version + 1
            WHERE it.organisation_id = NEW.organisation_id AND it.shipment_id = NEW.id AND it.number = before;
            IF NOT FOUND THEN
                INSERT INTO public.containers (organisation_id, id, shipment_id, number)
                VALUES (NEW.organisation_id, gen_random_uuid(), NEW.id, NEW.container_number);
            END IF;
            RETURN NULL;
        END
    $$;
CREATE TRIGGER container_of_new_shipment AFTER INSERT ON shipments
    FOR EACH ROW WHEN (NEW.container_number IS NOT NULL) EXECUTE FUNCTION container_of_shipment();
CREATE TRIGGER container_of_shipment AFTER UPDATE OF container_number ON shipments
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND OLD.container_number IS DISTINCT FROM NEW.container_number)
    EXECUTE FUNCTION container_of_shipment();

CREATE FUNCTION first_container() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            of_organisation uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.organisation_id ELSE NEW.organisation_id END;
            of_shipment uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.shipment_id ELSE NEW.shipment_id END;
            first text := (
                SELECT it.number FROM public.containers it
                WHERE it.organisation_id = of_organisation AND it.shipment_id = of_shipment
                ORDER BY it.created_at, it.id LIMIT 1);
        BEGIN
            UPDATE public.shipments s SET container_number = first, version = s.version + 1, updated_at = now()
            WHERE s.organisation_id = of_organisation AND s.id = of_shipment AND s.container_number IS DISTINCT FROM first;
            RETURN NULL;
        END
    $$;
CREATE TRIGGER first_container AFTER INSERT OR DELETE OR UPDATE OF number ON containers
    FOR EACH ROW EXECUTE FUNCTION first_container();
