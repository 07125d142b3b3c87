-- What all migrations come to. Written by `cargo xtask migrate snapshot`.

--
-- PostgreSQL database dump
--



SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: begin_monitoring(text, text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.begin_monitoring(release text, hash text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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


ALTER FUNCTION public.begin_monitoring(release text, hash text) OWNER TO tracehub_owner;

--
-- Name: credentials_of(text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.credentials_of(address text) RETURNS TABLE(user_id uuid, organisation_id uuid, password_hash text, token_version bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT u.id, u.organisation_id, u.password_hash, u.token_version
        FROM public.users u WHERE u.email = address
    $$;


ALTER FUNCTION public.credentials_of(address text) OWNER TO tracehub_owner;

--
-- Name: current_organisation_id(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.current_organisation_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.organisation_id'::text, true), ''::text))::uuid;


ALTER FUNCTION public.current_organisation_id() OWNER TO tracehub_owner;

--
-- Name: end_monitoring(text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.end_monitoring(release text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        DECLARE
            monitoring CONSTANT uuid := '01946c1a-0000-7000-8000-00000000000a';
        BEGIN
            PERFORM set_config('app.organisation_id', monitoring::text, true);
            DELETE FROM public.users u
            WHERE u.organisation_id = monitoring AND u.email = 'monitoring-' || lower(release) || '@tracehub.invalid';
        END
    $$;


ALTER FUNCTION public.end_monitoring(release text) OWNER TO tracehub_owner;

--
-- Name: find_credentials(text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.find_credentials(address text) RETURNS TABLE(user_id uuid, organisation_id uuid, password_hash text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT u.id, u.organisation_id, u.password_hash FROM public.users u WHERE u.email = lower(address)
    $$;


ALTER FUNCTION public.find_credentials(address text) OWNER TO tracehub_owner;

--
-- Name: is_logged_in(uuid, uuid, bigint); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.is_logged_in(id uuid, organisation uuid, version bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT EXISTS (
            SELECT FROM public.users u
            WHERE u.id = is_logged_in.id AND u.organisation_id = organisation AND u.token_version = version
        )
    $$;


ALTER FUNCTION public.is_logged_in(id uuid, organisation uuid, version bigint) OWNER TO tracehub_owner;

--
-- Name: log_out(uuid); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.log_out(id uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        UPDATE public.users u SET token_version = u.token_version + 1
        WHERE u.id = log_out.id AND u.organisation_id = public.current_organisation_id()
    $$;


ALTER FUNCTION public.log_out(id uuid) OWNER TO tracehub_owner;

--
-- Name: organisations_to_work_for(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.organisations_to_work_for() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT id FROM public.organisations ORDER BY id
    $$;


ALTER FUNCTION public.organisations_to_work_for() OWNER TO tracehub_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: log_in_failures; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.log_in_failures (
    address bytea NOT NULL,
    failed_at timestamp with time zone DEFAULT now() NOT NULL,
    client inet,
    device uuid,
    CONSTRAINT log_in_failures_address_check CHECK ((octet_length(address) = 32))
);


ALTER TABLE public.log_in_failures OWNER TO tracehub_owner;

--
-- Name: organisations; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.organisations (
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT organisations_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)))
);

ALTER TABLE ONLY public.organisations FORCE ROW LEVEL SECURITY;


ALTER TABLE public.organisations OWNER TO tracehub_owner;

--
-- Name: reminders; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.reminders (
    organisation_id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    kind text NOT NULL,
    due_on date NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT reminders_kind_check CHECK ((kind = ANY (ARRAY['departure_overdue'::text, 'arrival_overdue'::text])))
);

ALTER TABLE ONLY public.reminders FORCE ROW LEVEL SECURITY;


ALTER TABLE public.reminders OWNER TO tracehub_owner;

--
-- Name: shipments; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.shipments (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    reference text NOT NULL,
    product text NOT NULL,
    status text DEFAULT 'draft'::text NOT NULL,
    container_number text,
    origin_port text NOT NULL,
    destination_port text NOT NULL,
    departs_on date,
    arrives_on date,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT shipments_check CHECK ((arrives_on >= departs_on)),
    CONSTRAINT shipments_container_number_check CHECK ((container_number ~ '^[A-Z]{3}[UJZ][0-9]{7}$'::text)),
    CONSTRAINT shipments_destination_port_check CHECK (((char_length(destination_port) >= 1) AND (char_length(destination_port) <= 100))),
    CONSTRAINT shipments_origin_port_check CHECK (((char_length(origin_port) >= 1) AND (char_length(origin_port) <= 100))),
    CONSTRAINT shipments_product_check CHECK (((char_length(product) >= 1) AND (char_length(product) <= 200))),
    CONSTRAINT shipments_reference_check CHECK (((char_length(reference) >= 1) AND (char_length(reference) <= 64))),
    CONSTRAINT shipments_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'booked'::text, 'in_transit'::text, 'arrived'::text, 'delivered'::text])))
);

ALTER TABLE ONLY public.shipments FORCE ROW LEVEL SECURITY;


ALTER TABLE public.shipments OWNER TO tracehub_owner;

--
-- Name: users; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.users (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    token_version bigint DEFAULT 0 NOT NULL,
    CONSTRAINT users_email_check CHECK (((email = lower(email)) AND (email ~~ '_%@_%'::text) AND (char_length(email) <= 254))),
    CONSTRAINT users_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200))),
    CONSTRAINT users_password_hash_check CHECK ((password_hash ~~ '$argon2id$%'::text))
);

ALTER TABLE ONLY public.users FORCE ROW LEVEL SECURITY;


ALTER TABLE public.users OWNER TO tracehub_owner;

--
-- Name: organisations organisations_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.organisations
    ADD CONSTRAINT organisations_pkey PRIMARY KEY (id);


--
-- Name: reminders reminders_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.reminders
    ADD CONSTRAINT reminders_pkey PRIMARY KEY (shipment_id, kind, due_on);


--
-- Name: shipments shipments_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shipments
    ADD CONSTRAINT shipments_pkey PRIMARY KEY (id);


--
-- Name: shipments shipments_reference_is_unique; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shipments
    ADD CONSTRAINT shipments_reference_is_unique UNIQUE (organisation_id, reference);


--
-- Name: users users_email_is_unique; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_is_unique UNIQUE (email);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: log_in_failures_by_address; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX log_in_failures_by_address ON public.log_in_failures USING btree (address, failed_at DESC);


--
-- Name: log_in_failures_by_client; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX log_in_failures_by_client ON public.log_in_failures USING btree (client, failed_at DESC);


--
-- Name: log_in_failures_by_time; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX log_in_failures_by_time ON public.log_in_failures USING btree (failed_at);


--
-- Name: shipments_by_organisation; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX shipments_by_organisation ON public.shipments USING btree (organisation_id, id DESC);


--
-- Name: users_by_organisation; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX users_by_organisation ON public.users USING btree (organisation_id);


--
-- Name: reminders reminders_organisation_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.reminders
    ADD CONSTRAINT reminders_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);


--
-- Name: reminders reminders_shipment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.reminders
    ADD CONSTRAINT reminders_shipment_id_fkey FOREIGN KEY (shipment_id) REFERENCES public.shipments(id);


--
-- Name: shipments shipments_organisation_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shipments
    ADD CONSTRAINT shipments_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);


--
-- Name: users users_organisation_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);


--
-- Name: users log_in; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY log_in ON public.users FOR SELECT TO tracehub_owner USING (true);


--
-- Name: organisations; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.organisations ENABLE ROW LEVEL SECURITY;

--
-- Name: organisations own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.organisations USING ((id = public.current_organisation_id()));


--
-- Name: reminders own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.reminders USING ((organisation_id = public.current_organisation_id()));


--
-- Name: shipments own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.shipments USING ((organisation_id = public.current_organisation_id()));


--
-- Name: users own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.users USING ((organisation_id = public.current_organisation_id()));


--
-- Name: reminders; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.reminders ENABLE ROW LEVEL SECURITY;

--
-- Name: shipments; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.shipments ENABLE ROW LEVEL SECURITY;

--
-- Name: users; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

--
-- Name: organisations work; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY work ON public.organisations FOR SELECT TO tracehub_owner USING (true);


--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: pg_database_owner
--

GRANT USAGE ON SCHEMA public TO tracehub_app;


--
-- Name: FUNCTION begin_monitoring(release text, hash text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.begin_monitoring(release text, hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.begin_monitoring(release text, hash text) TO tracehub_app;


--
-- Name: FUNCTION credentials_of(address text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.credentials_of(address text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.credentials_of(address text) TO tracehub_app;


--
-- Name: FUNCTION end_monitoring(release text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.end_monitoring(release text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.end_monitoring(release text) TO tracehub_app;


--
-- Name: FUNCTION find_credentials(address text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.find_credentials(address text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_credentials(address text) TO tracehub_app;


--
-- Name: FUNCTION is_logged_in(id uuid, organisation uuid, version bigint); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.is_logged_in(id uuid, organisation uuid, version bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.is_logged_in(id uuid, organisation uuid, version bigint) TO tracehub_app;


--
-- Name: FUNCTION log_out(id uuid); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.log_out(id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.log_out(id uuid) TO tracehub_app;


--
-- Name: FUNCTION organisations_to_work_for(); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.organisations_to_work_for() FROM PUBLIC;
GRANT ALL ON FUNCTION public.organisations_to_work_for() TO tracehub_app;


--
-- Name: TABLE log_in_failures; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE public.log_in_failures TO tracehub_app;


--
-- Name: TABLE organisations; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT ON TABLE public.organisations TO tracehub_app;


--
-- Name: TABLE reminders; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT ON TABLE public.reminders TO tracehub_app;


--
-- Name: TABLE shipments; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN users.id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(id) ON TABLE public.users TO tracehub_app;


--
-- Name: COLUMN users.organisation_id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(organisation_id) ON TABLE public.users TO tracehub_app;


--
-- Name: COLUMN users.email; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(email) ON TABLE public.users TO tracehub_app;


--
-- Name: COLUMN users.name; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(name) ON TABLE public.users TO tracehub_app;


--
-- Name: COLUMN users.created_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(created_at) ON TABLE public.users TO tracehub_app;


--
-- PostgreSQL database dump complete
--
