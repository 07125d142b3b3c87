-- expand

-- Forgets links that are good no more since a day: until then, those of a forgotten password are counted.
CREATE POLICY by_end ON links FOR DELETE TO tracehub_owner USING (true);
CREATE FUNCTION forget_links() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH forgotten AS (DELETE FROM public.links WHERE expires_at < now() - interval '1 day' RETURNING 1)
        SELECT count(*) FROM forgotten
    $$;
REVOKE ALL ON FUNCTION forget_links FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_links TO tracehub_app;

-- Makes the link of somebody who has forgotten their password: good for an hour, and none for an address that nobody has, for
-- who is suspended, and for the users of deploys. Gives whose it is. Asked again with the same link, it is the same one.
CREATE FUNCTION make_forgotten_link(link uuid, hash bytea, address text, nobodys text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            monitoring CONSTANT uuid := '01946c1a-0000-7000-8000-00000000000a';
            organisation uuid;
            whose uuid;
        BEGIN
            SELECT u.organisation_id, u.id INTO organisation, whose FROM public.users u
            WHERE u.email = address AND u.organisation_id <> monitoring;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            PERFORM set_config('app.organisation_id', organisation::text, true);
            -- One after the other; and who is suspended at this moment ends every link of theirs, which waits until this one is there.
            PERFORM FROM public.users u WHERE u.id = whose AND u.password_hash <> nobodys FOR NO KEY UPDATE;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            IF EXISTS (SELECT FROM public.links l WHERE l.token_hash = hash) THEN
                RETURN organisation;
            END IF;
            -- A mail that was sent within the last minutes is on its way, and good: nobody's mailbox is filled by a stranger.
            IF EXISTS (SELECT FROM public.links l WHERE l.organisation_id = organisation AND l.user_id = whose
                       AND l.made_by = whose AND l.used_at IS NULL
                       AND l.created_at > now() - interval '5 minutes') THEN
                RETURN NULL;
            END IF;
            -- Whoever uses none of three is not who asks for them.
            IF (SELECT count(*) FROM public.links l WHERE l.organisation_id = organisation AND l.user_id = whose
                AND l.made_by = whose AND l.used_at IS NULL AND l.created_at > now() - interval '1 day') >= 3 THEN
                RETURN NULL;
            END IF;
            INSERT INTO public.links (organisation_id, id, kind, token_hash, user_id, made_by, expires_at)
            VALUES (organisation, link, 'password', hash, whose, whose, now() + interval '1 hour');
            RETURN organisation;
        END
    $$;
REVOKE ALL ON FUNCTION make_forgotten_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_forgotten_link TO tracehub_app;
