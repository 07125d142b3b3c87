-- no-transaction
-- expand
-- limits: statement 10min
-- A thousand rows at a time, so that nobody waits for them, and for one organisation after the other, since row-level
-- security holds for the owner as well. Of those that are the same when folded, the oldest keeps the form: no migration can
-- say which is meant. Whatever is written from now on is unlike all of them.
DO $$
    DECLARE
        organisation uuid;
        batch uuid[];
        done uuid;
        one uuid;
    BEGIN
        FOR organisation IN SELECT id FROM organisations ORDER BY id LOOP
            done := '00000000-0000-0000-0000-000000000000';
            LOOP
                PERFORM set_config('app.organisation_id', organisation::text, true);
                batch := ARRAY(SELECT id FROM shipments WHERE id > done ORDER BY id LIMIT 1000);
                EXIT WHEN batch = '{}';
                done := batch[cardinality(batch)];
                BEGIN
                    UPDATE shipments SET reference_folded = folded(reference)
                    WHERE id = ANY (batch) AND reference_folded IS NULL;
                EXCEPTION WHEN unique_violation THEN
                    FOREACH one IN ARRAY batch LOOP
                        BEGIN
                            UPDATE shipments SET reference_folded = folded(reference)
                            WHERE id = one AND reference_folded IS NULL;
                        EXCEPTION WHEN unique_violation THEN
                            NULL;
                        END;
                    END LOOP;
                END;
                COMMIT;
            END LOOP;
            PERFORM set_config('app.organisation_id', organisation::text, true);
            FOR one IN SELECT id FROM users WHERE organisation_id = organisation ORDER BY id LOOP
                BEGIN
                    UPDATE users SET email_folded = folded(email) WHERE id = one AND email_folded IS NULL;
                EXCEPTION WHEN unique_violation THEN
                    NULL;
                END;
            END LOOP;
            COMMIT;
        END LOOP;
    END
$$;
