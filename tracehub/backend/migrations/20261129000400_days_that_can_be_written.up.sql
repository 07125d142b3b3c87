-- expand

-- A day that four digits can't write was nobody's day, and no list can show it. For one organisation after the other, since
-- row-level security holds for the owner as well.
DO $$
    DECLARE
        organisation uuid;
    BEGIN
        FOR organisation IN SELECT id FROM organisations ORDER BY id LOOP
            PERFORM set_config('app.organisation_id', organisation::text, true);
            UPDATE shipments SET departs_on = NULL WHERE departs_on NOT BETWEEN '0001-01-01' AND '9999-12-31';
            UPDATE shipments SET arrives_on = NULL WHERE arrives_on NOT BETWEEN '0001-01-01' AND '9999-12-31';
            DELETE FROM reminders WHERE due_on NOT BETWEEN '0001-01-01' AND '9999-12-31';
        END LOOP;
        PERFORM set_config('app.organisation_id', '', true);
    END
$$;
