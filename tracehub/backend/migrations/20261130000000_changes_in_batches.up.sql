-- expand

-- What a migration that begins with `-- data` calls: docs/migrations.md. `change` changes the rows of one batch, and no row
-- when nothing is left; `remaining` counts what is left. Each batch is a transaction of its own, so that nobody waits for more
-- than one, and a run that was cut goes on where it was. Once without an organisation, for tables that belong to none, and
-- once for each organisation, since row-level security holds for the owner as well.
CREATE PROCEDURE in_batches(change text, remaining text)
    LANGUAGE plpgsql
    AS $$
        DECLARE
            organisation uuid;
            rows_left bigint;
            rows_then bigint;
            changed bigint;
            since_count bigint;
            total_before bigint := 0;
            total_after bigint := 0;
            batches bigint := 0;
            told text;
        BEGIN
            FOREACH organisation IN ARRAY array_prepend(NULL, ARRAY(SELECT id FROM public.organisations ORDER BY id)) LOOP
                PERFORM set_config('app.organisation_id', coalesce(organisation::text, ''), false);
                EXECUTE remaining INTO rows_left;
                total_before := total_before + rows_left;
                since_count := 0;
                LOOP
                    EXECUTE change;
                    GET DIAGNOSTICS changed = ROW_COUNT;
                    COMMIT;
                    EXIT WHEN changed = 0;
                    batches := batches + 1;
                    since_count := since_count + changed;
                    -- As many as there were have been changed, and still it finds some: are there fewer?
                    IF since_count >= rows_left THEN
                        EXECUTE remaining INTO rows_then;
                        IF rows_then >= rows_left THEN
                            RAISE EXCEPTION 'the change finds rows again that it has changed: % of % are left, and it would never end', rows_then, rows_left;
                        END IF;
                        rows_left := rows_then;
                        since_count := 0;
                    END IF;
                END LOOP;
                EXECUTE remaining INTO rows_left;
                total_after := total_after + rows_left;
            END LOOP;
            PERFORM set_config('app.organisation_id', '', false);
            told := format('%s rows to change before, %s after, in %s batches', total_before, total_after, batches);
            IF total_after > 0 THEN
                RAISE EXCEPTION 'the change leaves rows that it ought to change: %', told;
            END IF;
            RAISE NOTICE '%', told;
            -- For the program that runs it, which hears no notices.
            PERFORM set_config('app.changed_in_batches', told, false);
        END
    $$;
REVOKE ALL ON PROCEDURE in_batches FROM PUBLIC;
