-- expand

-- Users of nobody's, as whom a deploy tries whether people can log in: one for each release that is tried, in an
-- organisation without shipments. The role that serves can make no users; these it can, and no others.
CREATE FUNCTION begin_monitoring(release text, hash text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            monitoring CONSTANT uuid := '01946c1a-0000-7000-8000-00000000000a';
            address CONSTANT text := 'monitoring-' || lower(release) || '@tracehub.invalid';
        BEGIN
            PERFORM set_config('app.organisation_id', monitoring::text, true);
            INSERT INTO public.organisations (id, name) VALUES (monitoring, 'Monitoring') ON CONFLICT DO NOTHING;
            -- With those of deploys that ended before they could tidy up.
            DELETE FROM public.users u
            WHERE u.organisation_id = monitoring AND (u.email = address OR u.created_at < now() - interval '1 day');
            INSERT INTO public.users (id, organisation_id, email, name, password_hash)
            VALUES (gen_random_uuid(), monitoring, address, 'Monitoring', hash);
            RETURN address;
        END
    $$;
REVOKE ALL ON FUNCTION begin_monitoring FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_monitoring TO tracehub_app;

CREATE FUNCTION end_monitoring(release text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        DECLARE
            monitoring CONSTANT uuid := '01946c1a-0000-7000-8000-00000000000a';
        BEGIN
            PERFORM set_config('app.organisation_id', monitoring::text, true);
            DELETE FROM public.users u
            WHERE u.organisation_id = monitoring AND u.email = 'monitoring-' || lower(release) || '@tracehub.invalid';
        END
    $$;
REVOKE ALL ON FUNCTION end_monitoring FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_monitoring TO tracehub_app;
