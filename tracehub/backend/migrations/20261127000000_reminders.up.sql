-- expand

-- A day that passed without what was to happen on it: noticed by a worker, once for a shipment, a kind and a day. A day
-- that is moved, and passes again, is another reminder.
CREATE TABLE reminders (
    organisation_id uuid NOT NULL REFERENCES organisations,
    shipment_id uuid NOT NULL REFERENCES shipments,
    kind text NOT NULL CHECK (kind IN ('departure_overdue', 'arrival_overdue')),
    due_on date NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shipment_id, kind, due_on)
);

ALTER TABLE reminders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON reminders USING (organisation_id = current_organisation_id());

GRANT SELECT, INSERT ON reminders TO tracehub_app;

-- A worker works for one organisation after the other, each in a transaction that sees nothing else; but it must know
-- which there are. So this one question is asked with the owner's rights, and answered with ids alone.
CREATE POLICY work ON organisations FOR SELECT TO tracehub_owner USING (true);
CREATE FUNCTION organisations_to_work_for() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT id FROM public.organisations ORDER BY id
    $$;
REVOKE ALL ON FUNCTION organisations_to_work_for FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organisations_to_work_for TO tracehub_app;
