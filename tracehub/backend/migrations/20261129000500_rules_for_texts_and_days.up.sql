-- expand

-- For what is written from now on, by whomever: rows from before stay as their people wrote them, and an update of other
-- columns does not ask about these. Hence triggers and no checks, which hold for the row as a whole.
--
-- Releases from before the rules write beside this one while it is deployed, and after a rollback. They can't say what is
-- wrong with a text, so they may go on. They are known by the name of their connections; no other release has it.
CREATE FUNCTION refuse() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
        BEGIN
            IF current_user = 'tracehub_app' AND current_setting('application_name') LIKE 'tracehub %' THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'what is written into % is not as "%" has it', TG_TABLE_NAME, TG_NAME
                USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
        END
    $$;
CREATE TRIGGER shipments_texts_are_plain
    BEFORE INSERT OR UPDATE OF reference, product, origin_port, destination_port ON shipments FOR EACH ROW
    WHEN (NOT (is_plain(NEW.reference, 64) AND is_plain(NEW.product, 200)
        AND is_plain(NEW.origin_port, 100) AND is_plain(NEW.destination_port, 100)))
    EXECUTE FUNCTION refuse();
CREATE TRIGGER shipments_days_are_bounded
    BEFORE INSERT OR UPDATE OF departs_on, arrives_on ON shipments FOR EACH ROW
    WHEN (NOT (NEW.departs_on BETWEEN '2000-01-01' AND '2099-12-31' AND NEW.arrives_on BETWEEN '2000-01-01' AND '2099-12-31'))
    EXECUTE FUNCTION refuse();
CREATE TRIGGER organisations_name_is_plain
    BEFORE INSERT OR UPDATE OF name ON organisations FOR EACH ROW
    WHEN (NOT is_plain(NEW.name, 200))
    EXECUTE FUNCTION refuse();
CREATE TRIGGER users_texts_are_plain
    BEFORE INSERT OR UPDATE OF name, email ON users FOR EACH ROW
    WHEN (NOT (is_plain(NEW.name, 200) AND is_plain(NEW.email, 254)))
    EXECUTE FUNCTION refuse();

-- What must be unique is so in its folded form. Filled by a trigger, since releases from before do not know it; and not
-- generated, since rows from before may be the same when folded: the oldest keeps the form, and the others have none.
ALTER TABLE shipments ADD COLUMN reference_folded text;
ALTER TABLE users ADD COLUMN email_folded text;
CREATE FUNCTION fold_reference() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
        BEGIN
            NEW.reference_folded := public.folded(NEW.reference);
            RETURN NEW;
        END
    $$;
CREATE FUNCTION fold_email() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
        BEGIN
            NEW.email_folded := public.folded(NEW.email);
            RETURN NEW;
        END
    $$;
CREATE TRIGGER fold_reference BEFORE INSERT OR UPDATE OF reference ON shipments
    FOR EACH ROW EXECUTE FUNCTION fold_reference();
CREATE TRIGGER fold_email BEFORE INSERT OR UPDATE OF email ON users
    FOR EACH ROW EXECUTE FUNCTION fold_email();
