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
-- Name: answer_to_sign_up(bytea); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.answer_to_sign_up(hash bytea) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT CASE WHEN EXISTS (SELECT FROM public.users u WHERE u.email = s.email) THEN 'known' ELSE 'welcome' END
        FROM public.sign_ups s
        WHERE s.token_hash = hash AND s.used_at IS NULL AND s.created_at > now() - interval '1 day'
            AND (SELECT count(*) FROM public.sign_ups earlier
                 JOIN public.jobs j ON j.organisation_id = earlier.organisation_id AND j.about = earlier.id
                 WHERE public.mailbox(earlier.email) = public.mailbox(s.email)
                     AND j.outcome = 'done' AND j.ended_at > now() - interval '1 hour') < 3
            AND (SELECT count(*) FROM public.jobs j
                 WHERE j.data ->> 'letter' = 'sign_up' AND j.created_at > now() - interval '1 day'
                     AND j.outcome = 'done' AND j.ended_at > now() - interval '1 hour') < 100
    $$;


ALTER FUNCTION public.answer_to_sign_up(hash bytea) OWNER TO tracehub_owner;

--
-- Name: hidden_characters(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.hidden_characters() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '[\u0001-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F-\u1160\u17B4-\u17B5\u180B-\u180F\u200B-\u200F\u2028-\u202E\u2060-\u206F\u2800\u3164\uE000-\uF8FF\uFDD0-\uFDEF\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFC\uFFFE-\uFFFF\U00013430-\U0001343F\U00013441-\U00013442\U0001BCA0-\U0001BCA3\U0001D159\U0001D173-\U0001D17A\U0001FFFE-\U0001FFFF\U0002FFFE-\U0002FFFF\U0003FFFE-\U0003FFFF\U0004FFFE-\U0004FFFF\U0005FFFE-\U0005FFFF\U0006FFFE-\U0006FFFF\U0007FFFE-\U0007FFFF\U0008FFFE-\U0008FFFF\U0009FFFE-\U0009FFFF\U000AFFFE-\U000AFFFF\U000BFFFE-\U000BFFFF\U000CFFFE-\U000CFFFF\U000DFFFE-\U0010FFFF]'::text;


ALTER FUNCTION public.hidden_characters() OWNER TO tracehub_owner;

--
-- Name: marks(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.marks() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '[\u0300-\u034E\u0350-\u036F\u0483-\u0489\u0591-\u05BD\u05BF\u05C1-\u05C2\u05C4-\u05C5\u05C7-\u05C9\u0610-\u061A\u064B-\u065F\u0670\u06D6-\u06DC\u06DF-\u06E4\u06E7-\u06E8\u06EA-\u06ED\u0711\u0730-\u074A\u07A6-\u07B0\u07EB-\u07F3\u07FD\u0816-\u0819\u081B-\u0823\u0825-\u0827\u0829-\u082D\u0859-\u085B\u0897-\u089F\u08CA-\u08E1\u08E3-\u0902\u093A\u093C\u0941-\u0948\u094D\u0951-\u0957\u0962-\u0963\u0981\u09BC\u09C1-\u09C4\u09CD\u09E2-\u09E3\u09FE\u0A01-\u0A02\u0A3C\u0A41-\u0A42\u0A47-\u0A48\u0A4B-\u0A4D\u0A51\u0A70-\u0A71\u0A75\u0A81-\u0A82\u0ABC\u0AC1-\u0AC5\u0AC7-\u0AC8\u0ACD\u0AE2-\u0AE3\u0AFA-\u0AFF\u0B01\u0B3C\u0B3F\u0B41-\u0B44\u0B4D\u0B53-\u0B56\u0B62-\u0B63\u0B82\u0BC0\u0BCD\u0C00\u0C04\u0C3C\u0C3E-\u0C40\u0C46-\u0C48\u0C4A-\u0C4D\u0C55-\u0C56\u0C62-\u0C63\u0C81\u0CBC\u0CBF\u0CC6\u0CCC-\u0CCD\u0CE2-\u0CE3\u0D00-\u0D01\u0D3B-\u0D3C\u0D41-\u0D44\u0D4D\u0D62-\u0D63\u0D81\u0DCA\u0DD2-\u0DD4\u0DD6\u0E31\u0E34-\u0E3A\u0E47-\u0E4E\u0EB1\u0EB4-\u0EBC\u0EC8-\u0ECE\u0F18-\u0F19\u0F35\u0F37\u0F39\u0F71-\u0F7E\u0F80-\u0F84\u0F86-\u0F87\u0F8D-\u0F97\u0F99-\u0FBC\u0FC6\u102D-\u1030\u1032-\u1037\u1039-\u103A\u103D-\u103E\u1058-\u1059\u105E-\u1060\u1071-\u1074\u1082\u1085-\u1086\u108D\u109D\u135D-\u135F\u1712-\u1714\u1732-\u1733\u1752-\u1753\u1772-\u1773\u17B7-\u17BD\u17C6\u17C9-\u17D3\u17DD\u1885-\u1886\u18A9\u1920-\u1922\u1927-\u1928\u1932\u1939-\u193B\u1A17-\u1A18\u1A1B\u1A56\u1A58-\u1A5E\u1A60\u1A62\u1A65-\u1A6C\u1A73-\u1A7C\u1A7F\u1AB0-\u1AF0\u1B00-\u1B03\u1B34\u1B36-\u1B3A\u1B3C\u1B42\u1B6B-\u1B73\u1B80-\u1B81\u1BA2-\u1BA5\u1BA8-\u1BA9\u1BAB-\u1BAD\u1BE6\u1BE8-\u1BE9\u1BED\u1BEF-\u1BF1\u1C2C-\u1C33\u1C36-\u1C37\u1CD0-\u1CD2\u1CD4-\u1CE0\u1CE2-\u1CE8\u1CED\u1CF4\u1CF8-\u1CF9\u1DC0-\u1DFF\u20D0-\u20F0\u2CEF-\u2CF1\u2D7F\u2DE0-\u2DFF\u302A-\u302D\u3099-\u309A\uA66F-\uA672\uA674-\uA67D\uA69E-\uA69F\uA6F0-\uA6F1\uA802\uA806\uA80B\uA825-\uA826\uA82C\uA8C4-\uA8C5\uA8E0-\uA8F1\uA8FF\uA926-\uA92D\uA947-\uA951\uA980-\uA982\uA9B3\uA9B6-\uA9B9\uA9BC-\uA9BD\uA9E5\uAA29-\uAA2E\uAA31-\uAA32\uAA35-\uAA36\uAA43\uAA4C\uAA7C\uAAB0\uAAB2-\uAAB4\uAAB7-\uAAB8\uAABE-\uAABF\uAAC1\uAAEC-\uAAED\uAAF6\uABE5\uABE8\uABED\uFB1E\uFE20-\uFE2F\U000101FD\U000102E0\U00010376-\U0001037A\U00010A01-\U00010A03\U00010A05-\U00010A06\U00010A0C-\U00010A0F\U00010A38-\U00010A3A\U00010A3F\U00010AE5-\U00010AE6\U00010D24-\U00010D27\U00010D69-\U00010D6D\U00010EAB-\U00010EAC\U00010ECB-\U00010ECF\U00010EF0-\U00010EFF\U00010F46-\U00010F50\U00010F82-\U00010F85\U00011001\U00011038-\U00011046\U00011070\U00011073-\U00011074\U0001107F-\U00011081\U000110B3-\U000110B6\U000110B9-\U000110BA\U000110C2\U00011100-\U00011102\U00011127-\U0001112B\U0001112D-\U00011134\U00011173\U00011180-\U00011181\U000111B6-\U000111BE\U000111C9-\U000111CC\U000111CF\U0001122F-\U00011231\U00011234\U00011236-\U00011237\U0001123E\U00011241\U000112DF\U000112E3-\U000112EA\U00011300-\U00011301\U0001133B-\U0001133C\U00011340\U00011366-\U0001136C\U00011370-\U00011374\U000113BB-\U000113C0\U000113CE\U000113D0\U000113D2\U000113E1-\U000113E2\U00011438-\U0001143F\U00011442-\U00011444\U00011446\U0001145E\U000114B3-\U000114B8\U000114BA\U000114BF-\U000114C0\U000114C2-\U000114C3\U000115B2-\U000115B5\U000115BC-\U000115BD\U000115BF-\U000115C0\U000115DC-\U000115DD\U00011633-\U0001163A\U0001163D\U0001163F-\U00011640\U000116AB\U000116AD\U000116B0-\U000116B5\U000116B7\U0001171D\U0001171F\U00011722-\U00011725\U00011727-\U0001172B\U0001182F-\U00011837\U00011839-\U0001183A\U0001193B-\U0001193C\U0001193E\U00011943\U000119D4-\U000119D7\U000119DA-\U000119DB\U000119E0\U00011A01-\U00011A0A\U00011A33-\U00011A38\U00011A3B-\U00011A3E\U00011A47\U00011A51-\U00011A56\U00011A59-\U00011A5B\U00011A8A-\U00011A96\U00011A98-\U00011A99\U00011B60\U00011B62-\U00011B64\U00011B66\U00011C30-\U00011C36\U00011C38-\U00011C3D\U00011C3F\U00011C92-\U00011CA7\U00011CAA-\U00011CB0\U00011CB2-\U00011CB3\U00011CB5-\U00011CB6\U00011D31-\U00011D36\U00011D3A\U00011D3C-\U00011D3D\U00011D3F-\U00011D45\U00011D47\U00011D90-\U00011D91\U00011D95\U00011D97\U00011DF0\U00011EF3-\U00011EF4\U00011F00-\U00011F01\U00011F36-\U00011F3A\U00011F40\U00011F42\U00011F5A\U00013440\U00013447-\U00013455\U0001611E-\U00016129\U0001612D-\U0001612F\U00016AF0-\U00016AF4\U00016B30-\U00016B36\U00016F4F\U00016F8F-\U00016F92\U00016FE4\U0001BC9D-\U0001BC9E\U0001CF00-\U0001CF2D\U0001CF30-\U0001CF46\U0001D127-\U0001D128\U0001D167-\U0001D169\U0001D17B-\U0001D182\U0001D185-\U0001D18B\U0001D1AA-\U0001D1AD\U0001D242-\U0001D244\U0001D25B-\U0001D25C\U0001DA00-\U0001DA36\U0001DA3B-\U0001DA6C\U0001DA75\U0001DA84\U0001DA9B-\U0001DA9F\U0001DAA1-\U0001DAAF\U0001E000-\U0001E006\U0001E008-\U0001E018\U0001E01B-\U0001E021\U0001E023-\U0001E024\U0001E026-\U0001E02A\U0001E08F\U0001E130-\U0001E136\U0001E2AE\U0001E2EC-\U0001E2EF\U0001E4EC-\U0001E4EF\U0001E5EE-\U0001E5EF\U0001E6E3\U0001E6E6\U0001E6EE-\U0001E6EF\U0001E6F5\U0001E8D0-\U0001E8D6\U0001E944-\U0001E94A]'::text;


ALTER FUNCTION public.marks() OWNER TO tracehub_owner;

--
-- Name: is_plain(text, integer); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.is_plain(value text, longest integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((char_length(value) >= 1) AND (char_length(value) <= longest)) AND (value IS NFC NORMALIZED) AND (value !~ public.hidden_characters()) AND (value !~ '[\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]|^ | $|  '::text) AND (value !~ (((('^'::text || public.marks()) || '|'::text) || public.marks()) || '{5}'::text)));


ALTER FUNCTION public.is_plain(value text, longest integer) OWNER TO tracehub_owner;

--
-- Name: are_plain(text[], integer); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.are_plain(texts text[], longest integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT COALESCE(bool_and(COALESCE(public.is_plain(text.text, are_plain.longest), false)), true) AS "coalesce" FROM unnest(are_plain.texts) text(text));


ALTER FUNCTION public.are_plain(texts text[], longest integer) OWNER TO tracehub_owner;

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
-- Name: begin_session(uuid, uuid, bigint, bytea, bytea); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.begin_session(new_id uuid, whose uuid, version bigint, hash bytea, replaced bytea) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        DECLARE
            organisation CONSTANT uuid := public.current_organisation_id();
            ends timestamptz;
        BEGIN
            -- One after the other, so that twenty stay and no two wait for each other.
            PERFORM FROM public.users u WHERE u.organisation_id = organisation AND u.id = whose FOR NO KEY UPDATE;
            DELETE FROM public.sessions s WHERE s.token_hash = replaced;
            DELETE FROM public.sessions s WHERE s.organisation_id = organisation AND s.id IN (
                SELECT o.id FROM public.sessions o WHERE o.organisation_id = organisation AND o.user_id = whose
                ORDER BY o.seen_at DESC, o.id DESC OFFSET 19);
            INSERT INTO public.sessions (organisation_id, id, user_id, token_hash, token_version)
            VALUES (organisation, new_id, whose, hash, version) RETURNING expires_at INTO ends;
            RETURN ends;
        END
    $$;


ALTER FUNCTION public.begin_session(new_id uuid, whose uuid, version bigint, hash bytea, replaced bytea) OWNER TO tracehub_owner;

--
-- Name: change_password(uuid, text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.change_password(id uuid, new_password_hash text) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        UPDATE public.users u SET password_hash = new_password_hash, token_version = u.token_version + 1
        WHERE u.id = change_password.id AND u.organisation_id = public.current_organisation_id()
        RETURNING u.token_version
    $$;


ALTER FUNCTION public.change_password(id uuid, new_password_hash text) OWNER TO tracehub_owner;

--
-- Name: container_of_shipment(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.container_of_shipment() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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


ALTER FUNCTION public.container_of_shipment() OWNER TO tracehub_owner;

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
-- Name: end_other_sessions(uuid, uuid); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.end_other_sessions(whose uuid, kept uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        DECLARE
            organisation CONSTANT uuid := public.current_organisation_id();
            next bigint;
        BEGIN
            UPDATE public.users u SET token_version = u.token_version + 1
            WHERE u.organisation_id = organisation AND u.id = whose RETURNING u.token_version INTO next;
            DELETE FROM public.sessions s
            WHERE s.organisation_id = organisation AND s.user_id = whose AND s.id IS DISTINCT FROM kept;
            UPDATE public.sessions s SET token_version = next
            WHERE s.organisation_id = organisation AND s.user_id = whose AND s.id = kept AND s.token_version = next - 1;
        END
    $$;


ALTER FUNCTION public.end_other_sessions(whose uuid, kept uuid) OWNER TO tracehub_owner;

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
-- Name: find_session(bytea, uuid, uuid); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.find_session(hash bytea, organisation uuid, session uuid) RETURNS TABLE(organisation_id uuid, id uuid, user_id uuid, role text, is_to_be_seen boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT s.organisation_id, s.id, s.user_id, u.role, s.seen_at < now() - interval '1 hour'
        FROM public.sessions s
        JOIN public.users u ON u.organisation_id = s.organisation_id AND u.id = s.user_id AND u.token_version = s.token_version
        WHERE s.token_hash = coalesce(hash, (SELECT n.token_hash FROM public.sessions n
                                             WHERE n.organisation_id = organisation AND n.id = session))
            AND s.expires_at > now() AND s.seen_at > now() - interval '7 days'
    $$;


ALTER FUNCTION public.find_session(hash bytea, organisation uuid, session uuid) OWNER TO tracehub_owner;

--
-- Name: first_container(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.first_container() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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


ALTER FUNCTION public.first_container() OWNER TO tracehub_owner;

--
-- Name: fold_email(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.fold_email() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        BEGIN
            NEW.email_folded := public.folded(NEW.email);
            RETURN NEW;
        END
    $$;


ALTER FUNCTION public.fold_email() OWNER TO tracehub_owner;

--
-- Name: fold_reference(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.fold_reference() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        BEGIN
            NEW.reference_folded := public.folded(NEW.reference);
            RETURN NEW;
        END
    $$;


ALTER FUNCTION public.fold_reference() OWNER TO tracehub_owner;

--
-- Name: folded(text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.folded(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN NORMALIZE(lower(upper((NORMALIZE(regexp_replace(regexp_replace(value, public.hidden_characters(), ''::text, 'g'::text), ' +'::text, ' '::text, 'g'::text), NFKC) COLLATE "und-x-icu"))), NFKC);


ALTER FUNCTION public.folded(value text) OWNER TO tracehub_owner;

--
-- Name: forget_buyer(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.forget_buyer() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        BEGIN
            DELETE FROM public.shipment_partners link USING public.partners partner
            WHERE link.organisation_id = NEW.organisation_id AND link.shipment_id = NEW.id AND link.kind = 'buyer'
                AND partner.organisation_id = link.organisation_id AND partner.id = link.partner_id
                AND partner.name IS DISTINCT FROM NEW.buyer;
            RETURN NULL;
        END
    $$;


ALTER FUNCTION public.forget_buyer() OWNER TO tracehub_owner;

--
-- Name: forget_jobs(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.forget_jobs() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        WITH ended AS (
            UPDATE public.jobs SET ended_at = now(), outcome = 'dead', error = coalesce(error, 'nobody has sent it for a day')
            WHERE ended_at IS NULL AND created_at < now() - interval '25 hours' AND run_at <= now() RETURNING 1
        ), forgotten AS (DELETE FROM public.jobs WHERE ended_at < now() - interval '8 days' RETURNING 1)
        SELECT (SELECT count(*) FROM ended) + (SELECT count(*) FROM forgotten)
    $$;


ALTER FUNCTION public.forget_jobs() OWNER TO tracehub_owner;

--
-- Name: forget_links(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.forget_links() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        WITH forgotten AS (DELETE FROM public.links WHERE expires_at < now() - interval '1 day' RETURNING 1)
        SELECT count(*) FROM forgotten
    $$;


ALTER FUNCTION public.forget_links() OWNER TO tracehub_owner;

--
-- Name: forget_sessions(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.forget_sessions() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        WITH forgotten AS (
            DELETE FROM public.sessions s USING public.users u
            WHERE u.organisation_id = s.organisation_id AND u.id = s.user_id
                AND (s.expires_at < now() OR s.seen_at < now() - interval '7 days' OR s.token_version <> u.token_version) RETURNING 1
        )
        SELECT count(*) FROM forgotten
    $$;


ALTER FUNCTION public.forget_sessions() OWNER TO tracehub_owner;

--
-- Name: forget_sign_ups(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.forget_sign_ups() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        WITH forgotten AS (DELETE FROM public.sign_ups WHERE created_at < now() - interval '7 days' RETURNING 1)
        SELECT count(*) FROM forgotten
    $$;


ALTER FUNCTION public.forget_sign_ups() OWNER TO tracehub_owner;

--
-- Name: in_batches(text, text); Type: PROCEDURE; Schema: public; Owner: tracehub_owner
--

CREATE PROCEDURE public.in_batches(IN change text, IN remaining text)
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


ALTER PROCEDURE public.in_batches(IN change text, IN remaining text) OWNER TO tracehub_owner;

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
-- Name: job_figures(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.job_figures(OUT waiting bigint, OUT oldest_seconds bigint, OUT dead bigint) RETURNS record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        WITH counted AS (
            SELECT ended_at, created_at, outcome FROM public.jobs
            WHERE (ended_at IS NULL OR ended_at > now() - interval '1 day')
                AND NOT (data ->> 'letter' IN ('forgotten_password', 'sign_up') AND coalesce(error LIKE '% to this address', false))
        )
        SELECT count(*) FILTER (WHERE ended_at IS NULL),
               coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE ended_at IS NULL)), 0)::bigint,
               count(*) FILTER (WHERE outcome = 'dead')
               + CASE WHEN count(*) FILTER (WHERE outcome = 'refused') >= greatest(3, count(*) FILTER (WHERE outcome = 'done'))
                      THEN count(*) FILTER (WHERE outcome = 'refused') ELSE 0 END
        FROM counted
    $$;


ALTER FUNCTION public.job_figures(OUT waiting bigint, OUT oldest_seconds bigint, OUT dead bigint) OWNER TO tracehub_owner;

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
-- Name: look_at_link(bytea); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.look_at_link(hash bytea) RETURNS TABLE(kind text, organisation text, email text, role text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT l.kind, o.name, coalesce(l.email, u.email), coalesce(l.role, u.role)
        FROM public.links l
        JOIN public.organisations o ON o.id = l.organisation_id
        LEFT JOIN public.users u ON u.id = l.user_id AND u.organisation_id = l.organisation_id
        WHERE l.token_hash = hash AND l.used_at IS NULL AND l.expires_at > now()
    $$;


ALTER FUNCTION public.look_at_link(hash bytea) OWNER TO tracehub_owner;

--
-- Name: look_at_sign_up(bytea); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.look_at_sign_up(hash bytea) RETURNS TABLE(organisation text, email text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT s.organisation, s.email FROM public.sign_ups s
        WHERE s.token_hash = hash AND s.used_at IS NULL AND s.created_at > now() - interval '1 day'
    $$;


ALTER FUNCTION public.look_at_sign_up(hash bytea) OWNER TO tracehub_owner;

--
-- Name: mail_state(uuid); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.mail_state(link uuid) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT CASE outcome WHEN 'done' THEN 'sent' WHEN 'refused' THEN 'refused' WHEN 'dead' THEN 'failed' ELSE 'waiting' END
        FROM public.jobs WHERE about = link AND outcome IS DISTINCT FROM 'needless' ORDER BY created_at DESC LIMIT 1
    $$;


ALTER FUNCTION public.mail_state(link uuid) OWNER TO tracehub_owner;

--
-- Name: mailbox(text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.mailbox(address text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT regexp_replace(address, '[+][^@]*@', '@') $$;


ALTER FUNCTION public.mailbox(address text) OWNER TO tracehub_owner;

--
-- Name: make_forgotten_link(uuid, bytea, text, text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.make_forgotten_link(link uuid, hash bytea, address text, nobodys text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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


ALTER FUNCTION public.make_forgotten_link(link uuid, hash bytea, address text, nobodys text) OWNER TO tracehub_owner;

--
-- Name: may_mail(text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.may_mail(address text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        DECLARE
            -- A day, over all organisations: a stranger who makes many fills nobody's mailbox.
            to_one CONSTANT bigint := 3;
            of_one CONSTANT bigint := 300;
            -- Of one that signed up by itself, for as long as nobody knows it.
            of_new_one CONSTANT bigint := 20;
            organisation CONSTANT uuid := public.current_organisation_id();
            is_new boolean;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtextextended('mails of ' || organisation, 0));
            PERFORM pg_advisory_xact_lock(hashtextextended('mails to ' || public.mailbox(address), 0));
            SELECT o.kind IS NOT NULL AND o.created_at > now() - interval '30 days' INTO is_new
            FROM public.organisations o WHERE o.id = organisation;
            RETURN (SELECT count(*) FROM public.jobs j
                    WHERE j.organisation_id = organisation AND j.created_at > now() - interval '1 day')
                    < CASE WHEN is_new THEN of_new_one ELSE of_one END
                AND (SELECT count(*) FROM public.jobs j
                     WHERE public.mailbox(j.data ->> 'to') = public.mailbox(address) AND j.created_at > now() - interval '1 day'
                         AND j.data ->> 'letter' IN ('invitation', 'share')) < to_one;
        END
    $$;


ALTER FUNCTION public.may_mail(address text) OWNER TO tracehub_owner;

--
-- Name: open_sessions(uuid); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.open_sessions(whose uuid) RETURNS TABLE(id uuid, created_at timestamp with time zone, seen_at timestamp with time zone, expires_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT s.id, s.created_at, s.seen_at, s.expires_at
        FROM public.sessions s
        JOIN public.users u ON u.organisation_id = s.organisation_id AND u.id = s.user_id AND u.token_version = s.token_version
        WHERE s.organisation_id = public.current_organisation_id() AND s.user_id = whose
            AND s.expires_at > now() AND s.seen_at > now() - interval '7 days'
    $$;


ALTER FUNCTION public.open_sessions(whose uuid) OWNER TO tracehub_owner;

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

--
-- Name: people(text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.people(nobodys text) RETURNS TABLE(id uuid, email text, name text, role text, created_at timestamp with time zone, is_suspended boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT u.id, u.email, u.name, u.role, u.created_at, u.password_hash = nobodys
        FROM public.users u WHERE u.organisation_id = public.current_organisation_id()
    $$;


ALTER FUNCTION public.people(nobodys text) OWNER TO tracehub_owner;

--
-- Name: refuse(); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.refuse() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        BEGIN
            IF current_user = 'tracehub_app' AND current_setting('application_name') LIKE 'tracehub %' THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'what is written into % is not as "%" has it', TG_TABLE_NAME, TG_NAME
                USING ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
        END
    $$;


ALTER FUNCTION public.refuse() OWNER TO tracehub_owner;

--
-- Name: role_of_token(uuid, uuid, bigint); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.role_of_token(id uuid, organisation uuid, version bigint) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT u.role FROM public.users u
        WHERE u.id = role_of_token.id AND u.organisation_id = organisation AND u.token_version = version
    $$;


ALTER FUNCTION public.role_of_token(id uuid, organisation uuid, version bigint) OWNER TO tracehub_owner;

--
-- Name: share_of_token(bytea); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.share_of_token(hash bytea) RETURNS TABLE(organisation_id uuid, id uuid, language text, passcode_hash text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT s.organisation_id, s.id, s.language, s.passcode_hash FROM public.shares s
        WHERE s.token_hash = hash AND s.revoked_at IS NULL AND s.expires_at > now()
    $$;


ALTER FUNCTION public.share_of_token(hash bytea) OWNER TO tracehub_owner;

--
-- Name: suspend(uuid, text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.suspend(id uuid, nobodys text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        UPDATE public.users u SET password_hash = nobodys, token_version = u.token_version + 1
        WHERE u.id = suspend.id AND u.organisation_id = public.current_organisation_id();
        DELETE FROM public.links l
        WHERE l.user_id = suspend.id AND l.used_at IS NULL AND l.organisation_id = public.current_organisation_id()
    $$;


ALTER FUNCTION public.suspend(id uuid, nobodys text) OWNER TO tracehub_owner;

--
-- Name: suspended_user_of_link(bytea, text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.suspended_user_of_link(hash bytea, nobodys text) RETURNS TABLE(id uuid, name text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        SELECT u.id, u.name
        FROM public.links l JOIN public.users u ON u.organisation_id = l.organisation_id AND u.id = l.user_id
        WHERE l.token_hash = hash AND u.password_hash = nobodys
    $$;


ALTER FUNCTION public.suspended_user_of_link(hash bytea, nobodys text) OWNER TO tracehub_owner;

--
-- Name: take_job(integer); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.take_job(seconds integer) RETURNS TABLE(organisation_id uuid, id uuid, about uuid, link_hash bytea, data jsonb, tries bigint, unanswered bigint, created_at timestamp with time zone)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        UPDATE public.jobs j SET run_at = now() + make_interval(secs => seconds), tries = j.tries + 1
        FROM (SELECT d.organisation_id, d.id FROM public.jobs d WHERE d.ended_at IS NULL AND d.run_at <= now()
              ORDER BY d.data ->> 'letter' = 'forgotten_password' DESC, d.run_at LIMIT 1 FOR UPDATE SKIP LOCKED) AS due
        WHERE j.organisation_id = due.organisation_id AND j.id = due.id
        RETURNING j.organisation_id, j.id, j.about, j.link_hash, j.data, j.tries, j.unanswered, j.created_at
    $$;


ALTER FUNCTION public.take_job(seconds integer) OWNER TO tracehub_owner;

--
-- Name: use_link(bytea, uuid, text, text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.use_link(hash bytea, new_id uuid, new_name text, new_password_hash text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        DECLARE
            link public.links;
            address text;
        BEGIN
            SELECT * INTO link FROM public.links l WHERE l.token_hash = hash;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            PERFORM set_config('app.organisation_id', link.organisation_id::text, true);
            UPDATE public.links l SET used_at = now()
            WHERE l.token_hash = hash AND l.used_at IS NULL AND l.expires_at > now();
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            IF link.kind = 'invitation' THEN
                INSERT INTO public.users (id, organisation_id, email, name, role, password_hash)
                VALUES (new_id, link.organisation_id, link.email, new_name, link.role, new_password_hash)
                RETURNING users.email INTO address;
            ELSE
                UPDATE public.users u SET password_hash = new_password_hash, token_version = u.token_version + 1
                WHERE u.id = link.user_id RETURNING u.email INTO address;
            END IF;
            RETURN address;
        END
    $$;


ALTER FUNCTION public.use_link(hash bytea, new_id uuid, new_name text, new_password_hash text) OWNER TO tracehub_owner;

--
-- Name: use_sign_up(bytea, uuid, text, text); Type: FUNCTION; Schema: public; Owner: tracehub_owner
--

CREATE FUNCTION public.use_sign_up(hash bytea, new_id uuid, new_name text, new_password_hash text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        DECLARE
            made public.sign_ups;
        BEGIN
            UPDATE public.sign_ups s SET used_at = now()
            WHERE s.token_hash = hash AND s.used_at IS NULL AND s.created_at > now() - interval '1 day'
            RETURNING * INTO made;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            PERFORM pg_advisory_xact_lock(hashtextextended('sign-ups', 0));
            IF (SELECT count(*) FROM public.sign_ups s WHERE s.used_at > now() - interval '1 day') > 20 THEN
                RAISE EXCEPTION 'twenty organisations have signed up within a day'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'sign_ups_a_day';
            END IF;
            PERFORM set_config('app.organisation_id', made.organisation_id::text, true);
            INSERT INTO public.organisations (id, name, country, kind, papers_bytes)
            VALUES (made.organisation_id, made.organisation, made.country, made.kind, 200 * 1024 * 1024);
            INSERT INTO public.users (id, organisation_id, email, name, role, password_hash)
            VALUES (new_id, made.organisation_id, made.email, new_name, 'owner', new_password_hash);
            RETURN made.email;
        END
    $$;


ALTER FUNCTION public.use_sign_up(hash bytea, new_id uuid, new_name text, new_password_hash text) OWNER TO tracehub_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: containers; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.containers (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    number text NOT NULL,
    kind text,
    seal text,
    gross_grams bigint,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT containers_gross_grams_check CHECK (((gross_grams >= 1) AND (gross_grams <= '100000000000'::bigint))),
    CONSTRAINT containers_kind_check CHECK ((kind ~ '^[A-Z0-9]{4}$'::text)),
    CONSTRAINT containers_number_check CHECK ((number ~ '^[A-Z]{3}[UJZ][0-9]{7}$'::text)),
    CONSTRAINT containers_seal_check CHECK (public.is_plain(seal, 32))
);

ALTER TABLE ONLY public.containers FORCE ROW LEVEL SECURITY;


ALTER TABLE public.containers OWNER TO tracehub_owner;

--
-- Name: history; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.history (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    user_id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    what text NOT NULL,
    changes jsonb NOT NULL,
    is_caused boolean DEFAULT false NOT NULL,
    CONSTRAINT history_changes_check CHECK ((jsonb_typeof(changes) = 'array'::text)),
    CONSTRAINT history_what_check CHECK ((what = ANY (ARRAY['created'::text, 'changed'::text])))
);

ALTER TABLE ONLY public.history FORCE ROW LEVEL SECURITY;


ALTER TABLE public.history OWNER TO tracehub_owner;

--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.idempotency_keys (
    organisation_id uuid NOT NULL,
    user_id uuid NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    location text NOT NULL,
    answer text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_key_check CHECK ((key ~ '^[!-~]{1,64}$'::text)),
    CONSTRAINT idempotency_keys_request_check CHECK ((octet_length(request) = 32))
);

ALTER TABLE ONLY public.idempotency_keys FORCE ROW LEVEL SECURITY;


ALTER TABLE public.idempotency_keys OWNER TO tracehub_owner;

--
-- Name: items; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.items (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    goods text NOT NULL,
    hs_code text,
    packages bigint,
    package_kind text,
    net_grams bigint,
    gross_grams bigint,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT items_check CHECK ((gross_grams >= net_grams)),
    CONSTRAINT items_goods_check CHECK (public.is_plain(goods, 200)),
    CONSTRAINT items_gross_grams_check CHECK (((gross_grams >= 1) AND (gross_grams <= '100000000000'::bigint))),
    CONSTRAINT items_hs_code_check CHECK ((hs_code ~ '^[0-9]{6,8}$'::text)),
    CONSTRAINT items_net_grams_check CHECK (((net_grams >= 1) AND (net_grams <= '100000000000'::bigint))),
    CONSTRAINT items_package_kind_check CHECK (public.is_plain(package_kind, 40)),
    CONSTRAINT items_packages_check CHECK (((packages >= 1) AND (packages <= 10000000)))
);

ALTER TABLE ONLY public.items FORCE ROW LEVEL SECURITY;


ALTER TABLE public.items OWNER TO tracehub_owner;

--
-- Name: jobs; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.jobs (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    about uuid NOT NULL,
    link_hash bytea NOT NULL,
    data jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    run_at timestamp with time zone DEFAULT now() NOT NULL,
    tries bigint DEFAULT 0 NOT NULL,
    unanswered bigint DEFAULT 0 NOT NULL,
    error text,
    ended_at timestamp with time zone,
    outcome text,
    CONSTRAINT jobs_data_check CHECK ((jsonb_typeof(data) = 'object'::text)),
    CONSTRAINT jobs_end_somehow CHECK (((ended_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT jobs_error_check CHECK ((length(error) <= 200)),
    CONSTRAINT jobs_kind_check CHECK ((kind = 'mail'::text)),
    CONSTRAINT jobs_link_hash_check CHECK ((octet_length(link_hash) = 32)),
    CONSTRAINT jobs_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'needless'::text, 'refused'::text, 'dead'::text])))
);

ALTER TABLE ONLY public.jobs FORCE ROW LEVEL SECURITY;


ALTER TABLE public.jobs OWNER TO tracehub_owner;

--
-- Name: links; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.links (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    token_hash bytea NOT NULL,
    email text,
    role text,
    user_id uuid,
    made_by uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT links_email_check CHECK (((email = lower(email)) AND (email ~~ '_%@_%'::text) AND public.is_plain(email, 254))),
    CONSTRAINT links_kind_check CHECK ((kind = ANY (ARRAY['invitation'::text, 'password'::text]))),
    CONSTRAINT links_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'manager'::text, 'member'::text, 'viewer'::text]))),
    CONSTRAINT links_say_for_whom CHECK (
CASE kind
    WHEN 'invitation'::text THEN ((email IS NOT NULL) AND (role IS NOT NULL) AND (user_id IS NULL))
    ELSE ((email IS NULL) AND (role IS NULL) AND (user_id IS NOT NULL))
END),
    CONSTRAINT links_token_hash_check CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY public.links FORCE ROW LEVEL SECURITY;


ALTER TABLE public.links OWNER TO tracehub_owner;

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
-- Name: organisation_history; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.organisation_history (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    about uuid NOT NULL,
    name text NOT NULL,
    what text NOT NULL,
    changes jsonb NOT NULL,
    CONSTRAINT organisation_history_changes_check CHECK ((jsonb_typeof(changes) = 'array'::text)),
    CONSTRAINT organisation_history_kind_check CHECK ((kind ~ '^[a-z_]{1,32}$'::text)),
    CONSTRAINT organisation_history_what_check CHECK ((what ~ '^[a-z_]{1,32}$'::text))
);

ALTER TABLE ONLY public.organisation_history FORCE ROW LEVEL SECURITY;


ALTER TABLE public.organisation_history OWNER TO tracehub_owner;

--
-- Name: organisations; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.organisations (
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    country text,
    kind text,
    papers_bytes bigint,
    CONSTRAINT organisations_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT organisations_kind_check CHECK ((kind = ANY (ARRAY['exporter'::text, 'importer'::text, 'agent'::text, 'other'::text]))),
    CONSTRAINT organisations_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200))),
    CONSTRAINT organisations_papers_bytes_check CHECK ((papers_bytes >= 0))
);

ALTER TABLE ONLY public.organisations FORCE ROW LEVEL SECURITY;


ALTER TABLE public.organisations OWNER TO tracehub_owner;

--
-- Name: paper_versions; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.paper_versions (
    organisation_id uuid NOT NULL,
    paper_id uuid NOT NULL,
    version bigint NOT NULL,
    number text,
    name text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    content_type text NOT NULL,
    expires_on date,
    user_id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT paper_versions_content_type_check CHECK ((content_type ~ '^[a-z0-9.+/-]{3,100}$'::text)),
    CONSTRAINT paper_versions_name_check CHECK (public.is_plain(name, 200)),
    CONSTRAINT paper_versions_number_check CHECK (public.is_plain(number, 64)),
    CONSTRAINT paper_versions_sha256_check CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT paper_versions_size_check CHECK ((size > 0)),
    CONSTRAINT paper_versions_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.paper_versions FORCE ROW LEVEL SECURITY;


ALTER TABLE public.paper_versions OWNER TO tracehub_owner;

--
-- Name: papers; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.papers (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    kind text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT papers_kind_check CHECK ((kind ~ '^[a-z_]{1,40}$'::text))
);

ALTER TABLE ONLY public.papers FORCE ROW LEVEL SECURITY;


ALTER TABLE public.papers OWNER TO tracehub_owner;

--
-- Name: partners; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.partners (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    name_folded text GENERATED ALWAYS AS (public.folded(name)) STORED NOT NULL,
    address text[] DEFAULT '{}'::text[] NOT NULL,
    country text,
    eori text,
    email text,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone,
    CONSTRAINT partners_address_check CHECK (((cardinality(address) <= 5) AND public.are_plain(address, 100))),
    CONSTRAINT partners_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT partners_email_check CHECK (public.is_plain(email, 254)),
    CONSTRAINT partners_eori_check CHECK ((eori ~ '^[A-Z]{2}[A-Z0-9]{1,15}$'::text)),
    CONSTRAINT partners_kind_check CHECK ((kind = ANY (ARRAY['buyer'::text, 'carrier'::text, 'agent'::text, 'other'::text]))),
    CONSTRAINT partners_name_check CHECK (public.is_plain(name, 200))
);

ALTER TABLE ONLY public.partners FORCE ROW LEVEL SECURITY;


ALTER TABLE public.partners OWNER TO tracehub_owner;

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
-- Name: sessions; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.sessions (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    token_version bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone DEFAULT (now() + '30 days'::interval) NOT NULL,
    CONSTRAINT sessions_token_hash_check CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY public.sessions FORCE ROW LEVEL SECURITY;


ALTER TABLE public.sessions OWNER TO tracehub_owner;

--
-- Name: share_papers; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.share_papers (
    organisation_id uuid NOT NULL,
    share_id uuid NOT NULL,
    paper_id uuid NOT NULL
);

ALTER TABLE ONLY public.share_papers FORCE ROW LEVEL SECURITY;


ALTER TABLE public.share_papers OWNER TO tracehub_owner;

--
-- Name: shares; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.shares (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    buyer text,
    language text NOT NULL,
    passcode_hash text,
    has_passcode boolean GENERATED ALWAYS AS ((passcode_hash IS NOT NULL)) STORED NOT NULL,
    made_by uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    opened bigint DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone,
    CONSTRAINT shares_buyer_check CHECK (public.is_plain(buyer, 200)),
    CONSTRAINT shares_language_check CHECK ((language = ANY (ARRAY['en'::text, 'fr'::text]))),
    CONSTRAINT shares_passcode_hash_check CHECK ((passcode_hash ~~ '$argon2id$%'::text)),
    CONSTRAINT shares_token_hash_check CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY public.shares FORCE ROW LEVEL SECURITY;


ALTER TABLE public.shares OWNER TO tracehub_owner;

--
-- Name: shipment_partners; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.shipment_partners (
    organisation_id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    kind text NOT NULL
);

ALTER TABLE ONLY public.shipment_partners FORCE ROW LEVEL SECURITY;


ALTER TABLE public.shipment_partners OWNER TO tracehub_owner;

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
    reference_folded text,
    stage text,
    version bigint DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone,
    incoterm text,
    buyer text,
    bill_of_lading text,
    booking text,
    vessel text,
    voyage text,
    CONSTRAINT shipments_bill_of_lading_check CHECK (public.is_plain(bill_of_lading, 64)),
    CONSTRAINT shipments_booking_check CHECK (public.is_plain(booking, 64)),
    CONSTRAINT shipments_buyer_check CHECK (public.is_plain(buyer, 200)),
    CONSTRAINT shipments_check CHECK ((arrives_on >= departs_on)),
    CONSTRAINT shipments_container_number_check CHECK ((container_number ~ '^[A-Z]{3}[UJZ][0-9]{7}$'::text)),
    CONSTRAINT shipments_destination_port_check CHECK (((char_length(destination_port) >= 1) AND (char_length(destination_port) <= 100))),
    CONSTRAINT shipments_incoterm_check CHECK ((incoterm = ANY (ARRAY['EXW'::text, 'FCA'::text, 'FAS'::text, 'FOB'::text, 'CFR'::text, 'CIF'::text, 'CPT'::text, 'CIP'::text, 'DAP'::text, 'DPU'::text, 'DDP'::text]))),
    CONSTRAINT shipments_origin_port_check CHECK (((char_length(origin_port) >= 1) AND (char_length(origin_port) <= 100))),
    CONSTRAINT shipments_product_check CHECK (((char_length(product) >= 1) AND (char_length(product) <= 200))),
    CONSTRAINT shipments_reference_check CHECK (((char_length(reference) >= 1) AND (char_length(reference) <= 64))),
    CONSTRAINT shipments_stage_check CHECK ((stage = ANY (ARRAY['draft'::text, 'docs_pending'::text, 'docs_complete'::text, 'in_transit'::text, 'arrived'::text, 'customs'::text, 'delivered'::text, 'archived'::text]))),
    CONSTRAINT shipments_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'booked'::text, 'in_transit'::text, 'arrived'::text, 'delivered'::text]))),
    CONSTRAINT shipments_vessel_check CHECK (public.is_plain(vessel, 100)),
    CONSTRAINT shipments_voyage_check CHECK (public.is_plain(voyage, 32))
);

ALTER TABLE ONLY public.shipments FORCE ROW LEVEL SECURITY;


ALTER TABLE public.shipments OWNER TO tracehub_owner;

--
-- Name: sign_ups; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.sign_ups (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    token_hash bytea NOT NULL,
    email text NOT NULL,
    organisation text NOT NULL,
    country text NOT NULL,
    kind text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT sign_ups_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT sign_ups_email_check CHECK (((email = lower(email)) AND (email ~~ '_%@_%'::text) AND public.is_plain(email, 254))),
    CONSTRAINT sign_ups_kind_check CHECK ((kind = ANY (ARRAY['exporter'::text, 'importer'::text, 'agent'::text, 'other'::text]))),
    CONSTRAINT sign_ups_organisation_check CHECK (public.is_plain(organisation, 200)),
    CONSTRAINT sign_ups_token_hash_check CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY public.sign_ups FORCE ROW LEVEL SECURITY;


ALTER TABLE public.sign_ups OWNER TO tracehub_owner;

--
-- Name: uploads; Type: TABLE; Schema: public; Owner: tracehub_owner
--

CREATE TABLE public.uploads (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    paper_id uuid NOT NULL,
    kind text NOT NULL,
    number text,
    name text NOT NULL,
    size bigint NOT NULL,
    said text,
    expires_on date,
    user_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    version bigint,
    CONSTRAINT uploads_name_check CHECK (public.is_plain(name, 200)),
    CONSTRAINT uploads_number_check CHECK (public.is_plain(number, 64)),
    CONSTRAINT uploads_size_check CHECK ((size > 0))
);

ALTER TABLE ONLY public.uploads FORCE ROW LEVEL SECURITY;


ALTER TABLE public.uploads OWNER TO tracehub_owner;

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
    email_folded text,
    role text DEFAULT 'owner'::text NOT NULL,
    CONSTRAINT users_email_check CHECK (((email = lower(email)) AND (email ~~ '_%@_%'::text) AND (char_length(email) <= 254))),
    CONSTRAINT users_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200))),
    CONSTRAINT users_password_hash_check CHECK ((password_hash ~~ '$argon2id$%'::text)),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'manager'::text, 'member'::text, 'viewer'::text])))
);

ALTER TABLE ONLY public.users FORCE ROW LEVEL SECURITY;


ALTER TABLE public.users OWNER TO tracehub_owner;

--
-- Name: containers containers_number_is_unique; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.containers
    ADD CONSTRAINT containers_number_is_unique UNIQUE (organisation_id, shipment_id, number);


--
-- Name: containers containers_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.containers
    ADD CONSTRAINT containers_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: history history_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (organisation_id, user_id, key);


--
-- Name: items items_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: links links_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: links links_token_hash_key; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_token_hash_key UNIQUE (token_hash);


--
-- Name: organisation_history organisation_history_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.organisation_history
    ADD CONSTRAINT organisation_history_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: organisations organisations_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.organisations
    ADD CONSTRAINT organisations_pkey PRIMARY KEY (id);


--
-- Name: paper_versions paper_versions_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.paper_versions
    ADD CONSTRAINT paper_versions_pkey PRIMARY KEY (organisation_id, paper_id, version);


--
-- Name: papers papers_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.papers
    ADD CONSTRAINT papers_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: partners partners_name_is_unique; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.partners
    ADD CONSTRAINT partners_name_is_unique UNIQUE (organisation_id, kind, name_folded);


--
-- Name: partners partners_organisation_id_id_kind_key; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.partners
    ADD CONSTRAINT partners_organisation_id_id_kind_key UNIQUE (organisation_id, id, kind);


--
-- Name: partners partners_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.partners
    ADD CONSTRAINT partners_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: reminders reminders_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.reminders
    ADD CONSTRAINT reminders_pkey PRIMARY KEY (shipment_id, kind, due_on);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: sessions sessions_token_hash_key; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_token_hash_key UNIQUE (token_hash);


--
-- Name: share_papers share_papers_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.share_papers
    ADD CONSTRAINT share_papers_pkey PRIMARY KEY (organisation_id, share_id, paper_id);


--
-- Name: shares shares_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shares
    ADD CONSTRAINT shares_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: shares shares_token_hash_key; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shares
    ADD CONSTRAINT shares_token_hash_key UNIQUE (token_hash);


--
-- Name: shipment_partners shipment_partners_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shipment_partners
    ADD CONSTRAINT shipment_partners_pkey PRIMARY KEY (organisation_id, shipment_id, partner_id);


--
-- Name: shipments shipments_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shipments
    ADD CONSTRAINT shipments_pkey PRIMARY KEY (id);


--
-- Name: shipments shipments_reference_is_unique; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shipments
    ADD CONSTRAINT shipments_reference_is_unique UNIQUE (organisation_id, reference_folded);


--
-- Name: sign_ups sign_ups_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.sign_ups
    ADD CONSTRAINT sign_ups_pkey PRIMARY KEY (organisation_id, id);


--
-- Name: sign_ups sign_ups_token_hash_key; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.sign_ups
    ADD CONSTRAINT sign_ups_token_hash_key UNIQUE (token_hash);


--
-- Name: uploads uploads_pkey; Type: CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (organisation_id, id);


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
-- Name: containers_by_number; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX containers_by_number ON public.containers USING btree (organisation_id, number);


--
-- Name: history_not_caused; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX history_not_caused ON public.history USING btree (organisation_id, id DESC) WHERE (NOT is_caused);


--
-- Name: history_not_caused_of_user; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX history_not_caused_of_user ON public.history USING btree (organisation_id, user_id, id DESC) WHERE (NOT is_caused);


--
-- Name: history_of_shipment; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX history_of_shipment ON public.history USING btree (organisation_id, shipment_id, id DESC);


--
-- Name: history_of_user; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX history_of_user ON public.history USING btree (organisation_id, user_id, id DESC);


--
-- Name: idempotency_keys_by_time; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX idempotency_keys_by_time ON public.idempotency_keys USING btree (organisation_id, created_at);


--
-- Name: items_of_shipment; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX items_of_shipment ON public.items USING btree (organisation_id, shipment_id, created_at, id);


--
-- Name: jobs_about; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX jobs_about ON public.jobs USING btree (organisation_id, about, created_at);


--
-- Name: jobs_by_letter; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX jobs_by_letter ON public.jobs USING btree (((data ->> 'letter'::text)), created_at);


--
-- Name: jobs_by_mailbox; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX jobs_by_mailbox ON public.jobs USING btree (public.mailbox((data ->> 'to'::text)), created_at);


--
-- Name: jobs_caused; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX jobs_caused ON public.jobs USING btree (organisation_id, created_at);


--
-- Name: jobs_due; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX jobs_due ON public.jobs USING btree (run_at) WHERE (ended_at IS NULL);


--
-- Name: jobs_ended; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX jobs_ended ON public.jobs USING btree (ended_at);


--
-- Name: links_of_user; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX links_of_user ON public.links USING btree (organisation_id, user_id);


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
-- Name: organisation_history_about; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX organisation_history_about ON public.organisation_history USING btree (organisation_id, about, id DESC);


--
-- Name: organisation_history_kind; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX organisation_history_kind ON public.organisation_history USING btree (organisation_id, kind, id DESC);


--
-- Name: organisation_history_user; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX organisation_history_user ON public.organisation_history USING btree (organisation_id, user_id, id DESC);


--
-- Name: paper_versions_by_content; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX paper_versions_by_content ON public.paper_versions USING btree (organisation_id, sha256);


--
-- Name: papers_of_shipment; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX papers_of_shipment ON public.papers USING btree (organisation_id, shipment_id);


--
-- Name: partners_by_name; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX partners_by_name ON public.partners USING btree (organisation_id, name_folded, id);


--
-- Name: sessions_of_user; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX sessions_of_user ON public.sessions USING btree (organisation_id, user_id, seen_at);


--
-- Name: shares_of_shipment; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX shares_of_shipment ON public.shares USING btree (organisation_id, shipment_id, id DESC);


--
-- Name: shipment_partners_by_partner; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX shipment_partners_by_partner ON public.shipment_partners USING btree (organisation_id, partner_id, shipment_id);


--
-- Name: shipment_partners_one_buyer; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE UNIQUE INDEX shipment_partners_one_buyer ON public.shipment_partners USING btree (organisation_id, shipment_id) WHERE (kind = 'buyer'::text);


--
-- Name: shipments_by_arrival; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX shipments_by_arrival ON public.shipments USING btree (organisation_id, COALESCE(arrives_on, '-infinity'::date) DESC, id DESC);


--
-- Name: shipments_by_departure; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX shipments_by_departure ON public.shipments USING btree (organisation_id, COALESCE(departs_on, '-infinity'::date) DESC, id DESC);


--
-- Name: shipments_by_organisation; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX shipments_by_organisation ON public.shipments USING btree (organisation_id, id DESC);


--
-- Name: shipments_of_their_organisation; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE UNIQUE INDEX shipments_of_their_organisation ON public.shipments USING btree (organisation_id, id);


--
-- Name: sign_ups_by_mailbox; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX sign_ups_by_mailbox ON public.sign_ups USING btree (public.mailbox(email), created_at);


--
-- Name: sign_ups_by_use; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX sign_ups_by_use ON public.sign_ups USING btree (used_at);


--
-- Name: users_by_folded_email; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE UNIQUE INDEX users_by_folded_email ON public.users USING btree (email_folded);


--
-- Name: users_by_organisation; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE INDEX users_by_organisation ON public.users USING btree (organisation_id);


--
-- Name: users_of_their_organisation; Type: INDEX; Schema: public; Owner: tracehub_owner
--

CREATE UNIQUE INDEX users_of_their_organisation ON public.users USING btree (organisation_id, id);


--
-- Name: shipments container_of_new_shipment; Type: TRIGGER; Schema: public; Owner: tracehub_owner
--

CREATE TRIGGER container_of_new_shipment AFTER INSERT ON public.shipments FOR EACH ROW WHEN ((new.container_number IS NOT NULL)) EXECUTE FUNCTION public.container_of_shipment();


--
-- Name: shipments container_of_shipment; Type: TRIGGER; Schema: public; Owner: tracehub_owner
--

CREATE TRIGGER container_of_shipment AFTER UPDATE OF container_number ON public.shipments FOR EACH ROW WHEN (((pg_trigger_depth() = 0) AND (old.container_number IS DISTINCT FROM new.container_number))) EXECUTE FUNCTION public.container_of_shipment();


--
-- Name: containers first_container; Type: TRIGGER; Schema: public; Owner: tracehub_owner
--

CREATE TRIGGER first_container AFTER INSERT OR DELETE OR UPDATE OF number ON public.containers FOR EACH ROW EXECUTE FUNCTION public.first_container();


--
-- Name: users fold_email; Type: TRIGGER; Schema: public; Owner: tracehub_owner
--

CREATE TRIGGER fold_email BEFORE INSERT OR UPDATE OF email ON public.users FOR EACH ROW EXECUTE FUNCTION public.fold_email();


--
-- Name: shipments fold_reference; Type: TRIGGER; Schema: public; Owner: tracehub_owner
--

CREATE TRIGGER fold_reference BEFORE INSERT OR UPDATE OF reference ON public.shipments FOR EACH ROW EXECUTE FUNCTION public.fold_reference();


--
-- Name: shipments forget_buyer; Type: TRIGGER; Schema: public; Owner: tracehub_owner
--

CREATE TRIGGER forget_buyer AFTER UPDATE OF buyer ON public.shipments FOR EACH ROW WHEN ((old.buyer IS DISTINCT FROM new.buyer)) EXECUTE FUNCTION public.forget_buyer();


--
-- Name: organisations organisations_name_is_plain; Type: TRIGGER; Schema: public; Owner: tracehub_owner
--

CREATE TRIGGER organisations_name_is_plain BEFORE INSERT OR UPDATE OF name ON public.organisations FOR EACH ROW WHEN ((NOT public.is_plain(new.name, 200))) EXECUTE FUNCTION public.refuse();


--
-- Name: shipments shipments_days_are_bounded; Type: TRIGGER; Schema: public; Owner: tracehub_owner
--

CREATE TRIGGER shipments_days_are_bounded BEFORE INSERT OR UPDATE OF departs_on, arrives_on ON public.shipments FOR EACH ROW WHEN ((NOT (((new.departs_on >= '2000-01-01'::date) AND (new.departs_on <= '2099-12-31'::date)) AND ((new.arrives_on >= '2000-01-01'::date) AND (new.arrives_on <= '2099-12-31'::date))))) EXECUTE FUNCTION public.refuse();


--
-- Name: shipments shipments_texts_are_plain; Type: TRIGGER; Schema: public; Owner: tracehub_owner
--

CREATE TRIGGER shipments_texts_are_plain BEFORE INSERT OR UPDATE OF reference, product, origin_port, destination_port ON public.shipments FOR EACH ROW WHEN ((NOT (public.is_plain(new.reference, 64) AND public.is_plain(new.product, 200) AND public.is_plain(new.origin_port, 100) AND public.is_plain(new.destination_port, 100)))) EXECUTE FUNCTION public.refuse();


--
-- Name: users users_texts_are_plain; Type: TRIGGER; Schema: public; Owner: tracehub_owner
--

CREATE TRIGGER users_texts_are_plain BEFORE INSERT OR UPDATE OF name, email ON public.users FOR EACH ROW WHEN ((NOT (public.is_plain(new.name, 200) AND public.is_plain(new.email, 254)))) EXECUTE FUNCTION public.refuse();


--
-- Name: containers containers_organisation_id_shipment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.containers
    ADD CONSTRAINT containers_organisation_id_shipment_id_fkey FOREIGN KEY (organisation_id, shipment_id) REFERENCES public.shipments(organisation_id, id);


--
-- Name: history history_organisation_id_shipment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.history
    ADD CONSTRAINT history_organisation_id_shipment_id_fkey FOREIGN KEY (organisation_id, shipment_id) REFERENCES public.shipments(organisation_id, id);


--
-- Name: history history_organisation_id_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.history
    ADD CONSTRAINT history_organisation_id_user_id_fkey FOREIGN KEY (organisation_id, user_id) REFERENCES public.users(organisation_id, id);


--
-- Name: idempotency_keys idempotency_keys_organisation_id_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_organisation_id_user_id_fkey FOREIGN KEY (organisation_id, user_id) REFERENCES public.users(organisation_id, id) ON DELETE CASCADE;


--
-- Name: items items_organisation_id_shipment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_organisation_id_shipment_id_fkey FOREIGN KEY (organisation_id, shipment_id) REFERENCES public.shipments(organisation_id, id);


--
-- Name: links links_organisation_id_made_by_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_organisation_id_made_by_fkey FOREIGN KEY (organisation_id, made_by) REFERENCES public.users(organisation_id, id);


--
-- Name: links links_organisation_id_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_organisation_id_user_id_fkey FOREIGN KEY (organisation_id, user_id) REFERENCES public.users(organisation_id, id);


--
-- Name: organisation_history organisation_history_organisation_id_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.organisation_history
    ADD CONSTRAINT organisation_history_organisation_id_user_id_fkey FOREIGN KEY (organisation_id, user_id) REFERENCES public.users(organisation_id, id);


--
-- Name: paper_versions paper_versions_organisation_id_paper_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.paper_versions
    ADD CONSTRAINT paper_versions_organisation_id_paper_id_fkey FOREIGN KEY (organisation_id, paper_id) REFERENCES public.papers(organisation_id, id) ON DELETE CASCADE;


--
-- Name: paper_versions paper_versions_organisation_id_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.paper_versions
    ADD CONSTRAINT paper_versions_organisation_id_user_id_fkey FOREIGN KEY (organisation_id, user_id) REFERENCES public.users(organisation_id, id);


--
-- Name: papers papers_organisation_id_shipment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.papers
    ADD CONSTRAINT papers_organisation_id_shipment_id_fkey FOREIGN KEY (organisation_id, shipment_id) REFERENCES public.shipments(organisation_id, id);


--
-- Name: partners partners_organisation_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.partners
    ADD CONSTRAINT partners_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);


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
-- Name: reminders reminders_shipment_is_the_organisation_s; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.reminders
    ADD CONSTRAINT reminders_shipment_is_the_organisation_s FOREIGN KEY (organisation_id, shipment_id) REFERENCES public.shipments(organisation_id, id);


--
-- Name: sessions sessions_organisation_id_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_organisation_id_user_id_fkey FOREIGN KEY (organisation_id, user_id) REFERENCES public.users(organisation_id, id) ON DELETE CASCADE;


--
-- Name: share_papers share_papers_organisation_id_paper_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.share_papers
    ADD CONSTRAINT share_papers_organisation_id_paper_id_fkey FOREIGN KEY (organisation_id, paper_id) REFERENCES public.papers(organisation_id, id) ON DELETE CASCADE;


--
-- Name: share_papers share_papers_organisation_id_share_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.share_papers
    ADD CONSTRAINT share_papers_organisation_id_share_id_fkey FOREIGN KEY (organisation_id, share_id) REFERENCES public.shares(organisation_id, id) ON DELETE CASCADE;


--
-- Name: shares shares_organisation_id_made_by_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shares
    ADD CONSTRAINT shares_organisation_id_made_by_fkey FOREIGN KEY (organisation_id, made_by) REFERENCES public.users(organisation_id, id);


--
-- Name: shares shares_organisation_id_shipment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shares
    ADD CONSTRAINT shares_organisation_id_shipment_id_fkey FOREIGN KEY (organisation_id, shipment_id) REFERENCES public.shipments(organisation_id, id);


--
-- Name: shipment_partners shipment_partners_organisation_id_partner_id_kind_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shipment_partners
    ADD CONSTRAINT shipment_partners_organisation_id_partner_id_kind_fkey FOREIGN KEY (organisation_id, partner_id, kind) REFERENCES public.partners(organisation_id, id, kind);


--
-- Name: shipment_partners shipment_partners_organisation_id_shipment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shipment_partners
    ADD CONSTRAINT shipment_partners_organisation_id_shipment_id_fkey FOREIGN KEY (organisation_id, shipment_id) REFERENCES public.shipments(organisation_id, id);


--
-- Name: shipments shipments_organisation_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.shipments
    ADD CONSTRAINT shipments_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);


--
-- Name: uploads uploads_organisation_id_shipment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_organisation_id_shipment_id_fkey FOREIGN KEY (organisation_id, shipment_id) REFERENCES public.shipments(organisation_id, id);


--
-- Name: uploads uploads_organisation_id_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_organisation_id_user_id_fkey FOREIGN KEY (organisation_id, user_id) REFERENCES public.users(organisation_id, id) ON DELETE CASCADE;


--
-- Name: users users_organisation_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: tracehub_owner
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);


--
-- Name: links by_end; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY by_end ON public.links FOR DELETE TO tracehub_owner USING (true);


--
-- Name: links by_token; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY by_token ON public.links FOR SELECT TO tracehub_owner USING (true);


--
-- Name: sessions by_token; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY by_token ON public.sessions TO tracehub_owner USING (true);


--
-- Name: shares by_token; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY by_token ON public.shares FOR SELECT TO tracehub_owner USING (true);


--
-- Name: sign_ups by_token; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY by_token ON public.sign_ups TO tracehub_owner USING (true);


--
-- Name: jobs by_worker; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY by_worker ON public.jobs TO tracehub_owner USING (true);


--
-- Name: containers; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.containers ENABLE ROW LEVEL SECURITY;

--
-- Name: history; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.history ENABLE ROW LEVEL SECURITY;

--
-- Name: idempotency_keys; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: items; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.items ENABLE ROW LEVEL SECURITY;

--
-- Name: jobs; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: links; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.links ENABLE ROW LEVEL SECURITY;

--
-- Name: users log_in; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY log_in ON public.users FOR SELECT TO tracehub_owner USING (true);


--
-- Name: organisation_history; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.organisation_history ENABLE ROW LEVEL SECURITY;

--
-- Name: organisations; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.organisations ENABLE ROW LEVEL SECURITY;

--
-- Name: containers own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.containers USING ((organisation_id = public.current_organisation_id()));


--
-- Name: history own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.history USING ((organisation_id = public.current_organisation_id()));


--
-- Name: idempotency_keys own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.idempotency_keys USING ((organisation_id = public.current_organisation_id()));


--
-- Name: items own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.items USING ((organisation_id = public.current_organisation_id()));


--
-- Name: jobs own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.jobs USING ((organisation_id = public.current_organisation_id()));


--
-- Name: links own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.links USING ((organisation_id = public.current_organisation_id()));


--
-- Name: organisation_history own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.organisation_history USING ((organisation_id = public.current_organisation_id()));


--
-- Name: organisations own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.organisations USING ((id = public.current_organisation_id()));


--
-- Name: paper_versions own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.paper_versions USING ((organisation_id = public.current_organisation_id()));


--
-- Name: papers own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.papers USING ((organisation_id = public.current_organisation_id()));


--
-- Name: partners own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.partners USING ((organisation_id = public.current_organisation_id()));


--
-- Name: reminders own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.reminders USING ((organisation_id = public.current_organisation_id()));


--
-- Name: sessions own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.sessions USING ((organisation_id = public.current_organisation_id()));


--
-- Name: share_papers own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.share_papers USING ((organisation_id = public.current_organisation_id()));


--
-- Name: shares own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.shares USING ((organisation_id = public.current_organisation_id()));


--
-- Name: shipment_partners own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.shipment_partners USING ((organisation_id = public.current_organisation_id()));


--
-- Name: shipments own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.shipments USING ((organisation_id = public.current_organisation_id()));


--
-- Name: sign_ups own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.sign_ups USING ((organisation_id = public.current_organisation_id()));


--
-- Name: uploads own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.uploads USING ((organisation_id = public.current_organisation_id()));


--
-- Name: users own_organisation; Type: POLICY; Schema: public; Owner: tracehub_owner
--

CREATE POLICY own_organisation ON public.users USING ((organisation_id = public.current_organisation_id()));


--
-- Name: paper_versions; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.paper_versions ENABLE ROW LEVEL SECURITY;

--
-- Name: papers; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.papers ENABLE ROW LEVEL SECURITY;

--
-- Name: partners; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.partners ENABLE ROW LEVEL SECURITY;

--
-- Name: reminders; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.reminders ENABLE ROW LEVEL SECURITY;

--
-- Name: sessions; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;

--
-- Name: share_papers; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.share_papers ENABLE ROW LEVEL SECURITY;

--
-- Name: shares; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.shares ENABLE ROW LEVEL SECURITY;

--
-- Name: shipment_partners; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.shipment_partners ENABLE ROW LEVEL SECURITY;

--
-- Name: shipments; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.shipments ENABLE ROW LEVEL SECURITY;

--
-- Name: sign_ups; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.sign_ups ENABLE ROW LEVEL SECURITY;

--
-- Name: uploads; Type: ROW SECURITY; Schema: public; Owner: tracehub_owner
--

ALTER TABLE public.uploads ENABLE ROW LEVEL SECURITY;

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
-- Name: FUNCTION answer_to_sign_up(hash bytea); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.answer_to_sign_up(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.answer_to_sign_up(hash bytea) TO tracehub_app;


--
-- Name: FUNCTION begin_monitoring(release text, hash text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.begin_monitoring(release text, hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.begin_monitoring(release text, hash text) TO tracehub_app;


--
-- Name: FUNCTION begin_session(new_id uuid, whose uuid, version bigint, hash bytea, replaced bytea); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.begin_session(new_id uuid, whose uuid, version bigint, hash bytea, replaced bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.begin_session(new_id uuid, whose uuid, version bigint, hash bytea, replaced bytea) TO tracehub_app;


--
-- Name: FUNCTION change_password(id uuid, new_password_hash text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.change_password(id uuid, new_password_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.change_password(id uuid, new_password_hash text) TO tracehub_app;


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
-- Name: FUNCTION end_other_sessions(whose uuid, kept uuid); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.end_other_sessions(whose uuid, kept uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.end_other_sessions(whose uuid, kept uuid) TO tracehub_app;


--
-- Name: FUNCTION find_credentials(address text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.find_credentials(address text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_credentials(address text) TO tracehub_app;


--
-- Name: FUNCTION find_session(hash bytea, organisation uuid, session uuid); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.find_session(hash bytea, organisation uuid, session uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_session(hash bytea, organisation uuid, session uuid) TO tracehub_app;


--
-- Name: FUNCTION forget_jobs(); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.forget_jobs() FROM PUBLIC;
GRANT ALL ON FUNCTION public.forget_jobs() TO tracehub_app;


--
-- Name: FUNCTION forget_links(); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.forget_links() FROM PUBLIC;
GRANT ALL ON FUNCTION public.forget_links() TO tracehub_app;


--
-- Name: FUNCTION forget_sessions(); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.forget_sessions() FROM PUBLIC;
GRANT ALL ON FUNCTION public.forget_sessions() TO tracehub_app;


--
-- Name: FUNCTION forget_sign_ups(); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.forget_sign_ups() FROM PUBLIC;
GRANT ALL ON FUNCTION public.forget_sign_ups() TO tracehub_app;


--
-- Name: PROCEDURE in_batches(IN change text, IN remaining text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON PROCEDURE public.in_batches(IN change text, IN remaining text) FROM PUBLIC;


--
-- Name: FUNCTION is_logged_in(id uuid, organisation uuid, version bigint); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.is_logged_in(id uuid, organisation uuid, version bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.is_logged_in(id uuid, organisation uuid, version bigint) TO tracehub_app;


--
-- Name: FUNCTION job_figures(OUT waiting bigint, OUT oldest_seconds bigint, OUT dead bigint); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.job_figures(OUT waiting bigint, OUT oldest_seconds bigint, OUT dead bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.job_figures(OUT waiting bigint, OUT oldest_seconds bigint, OUT dead bigint) TO tracehub_app;


--
-- Name: FUNCTION log_out(id uuid); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.log_out(id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.log_out(id uuid) TO tracehub_app;


--
-- Name: FUNCTION look_at_link(hash bytea); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.look_at_link(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.look_at_link(hash bytea) TO tracehub_app;


--
-- Name: FUNCTION look_at_sign_up(hash bytea); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.look_at_sign_up(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.look_at_sign_up(hash bytea) TO tracehub_app;


--
-- Name: FUNCTION mail_state(link uuid); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.mail_state(link uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mail_state(link uuid) TO tracehub_app;


--
-- Name: FUNCTION mailbox(address text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.mailbox(address text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mailbox(address text) TO tracehub_app;


--
-- Name: FUNCTION make_forgotten_link(link uuid, hash bytea, address text, nobodys text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.make_forgotten_link(link uuid, hash bytea, address text, nobodys text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.make_forgotten_link(link uuid, hash bytea, address text, nobodys text) TO tracehub_app;


--
-- Name: FUNCTION may_mail(address text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.may_mail(address text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.may_mail(address text) TO tracehub_app;


--
-- Name: FUNCTION open_sessions(whose uuid); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.open_sessions(whose uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.open_sessions(whose uuid) TO tracehub_app;


--
-- Name: FUNCTION organisations_to_work_for(); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.organisations_to_work_for() FROM PUBLIC;
GRANT ALL ON FUNCTION public.organisations_to_work_for() TO tracehub_app;


--
-- Name: FUNCTION people(nobodys text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.people(nobodys text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.people(nobodys text) TO tracehub_app;


--
-- Name: FUNCTION role_of_token(id uuid, organisation uuid, version bigint); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.role_of_token(id uuid, organisation uuid, version bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.role_of_token(id uuid, organisation uuid, version bigint) TO tracehub_app;


--
-- Name: FUNCTION share_of_token(hash bytea); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.share_of_token(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.share_of_token(hash bytea) TO tracehub_app;


--
-- Name: FUNCTION suspend(id uuid, nobodys text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.suspend(id uuid, nobodys text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.suspend(id uuid, nobodys text) TO tracehub_app;


--
-- Name: FUNCTION suspended_user_of_link(hash bytea, nobodys text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.suspended_user_of_link(hash bytea, nobodys text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.suspended_user_of_link(hash bytea, nobodys text) TO tracehub_app;


--
-- Name: FUNCTION take_job(seconds integer); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.take_job(seconds integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.take_job(seconds integer) TO tracehub_app;


--
-- Name: FUNCTION use_link(hash bytea, new_id uuid, new_name text, new_password_hash text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.use_link(hash bytea, new_id uuid, new_name text, new_password_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.use_link(hash bytea, new_id uuid, new_name text, new_password_hash text) TO tracehub_app;


--
-- Name: FUNCTION use_sign_up(hash bytea, new_id uuid, new_name text, new_password_hash text); Type: ACL; Schema: public; Owner: tracehub_owner
--

REVOKE ALL ON FUNCTION public.use_sign_up(hash bytea, new_id uuid, new_name text, new_password_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.use_sign_up(hash bytea, new_id uuid, new_name text, new_password_hash text) TO tracehub_app;


--
-- Name: TABLE containers; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE public.containers TO tracehub_app;


--
-- Name: COLUMN containers.number; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(number) ON TABLE public.containers TO tracehub_app;


--
-- Name: COLUMN containers.kind; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(kind) ON TABLE public.containers TO tracehub_app;


--
-- Name: COLUMN containers.seal; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(seal) ON TABLE public.containers TO tracehub_app;


--
-- Name: COLUMN containers.gross_grams; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(gross_grams) ON TABLE public.containers TO tracehub_app;


--
-- Name: COLUMN containers.version; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(version) ON TABLE public.containers TO tracehub_app;


--
-- Name: TABLE history; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT ON TABLE public.history TO tracehub_app;


--
-- Name: TABLE idempotency_keys; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO tracehub_app;


--
-- Name: TABLE items; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE public.items TO tracehub_app;


--
-- Name: COLUMN items.goods; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(goods) ON TABLE public.items TO tracehub_app;


--
-- Name: COLUMN items.hs_code; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(hs_code) ON TABLE public.items TO tracehub_app;


--
-- Name: COLUMN items.packages; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(packages) ON TABLE public.items TO tracehub_app;


--
-- Name: COLUMN items.package_kind; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(package_kind) ON TABLE public.items TO tracehub_app;


--
-- Name: COLUMN items.net_grams; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(net_grams) ON TABLE public.items TO tracehub_app;


--
-- Name: COLUMN items.gross_grams; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(gross_grams) ON TABLE public.items TO tracehub_app;


--
-- Name: COLUMN items.version; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(version) ON TABLE public.items TO tracehub_app;


--
-- Name: TABLE jobs; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.organisation_id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(organisation_id) ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(id) ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.kind; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(kind) ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.about; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(about) ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.link_hash; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(link_hash) ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.data; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(data) ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.run_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(run_at) ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.unanswered; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(unanswered) ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.error; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(error) ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.ended_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(ended_at) ON TABLE public.jobs TO tracehub_app;


--
-- Name: COLUMN jobs.outcome; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(outcome) ON TABLE public.jobs TO tracehub_app;


--
-- Name: TABLE links; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT,DELETE ON TABLE public.links TO tracehub_app;


--
-- Name: COLUMN links.organisation_id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(organisation_id) ON TABLE public.links TO tracehub_app;


--
-- Name: COLUMN links.id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(id) ON TABLE public.links TO tracehub_app;


--
-- Name: COLUMN links.kind; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(kind) ON TABLE public.links TO tracehub_app;


--
-- Name: COLUMN links.email; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(email) ON TABLE public.links TO tracehub_app;


--
-- Name: COLUMN links.role; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(role) ON TABLE public.links TO tracehub_app;


--
-- Name: COLUMN links.user_id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(user_id) ON TABLE public.links TO tracehub_app;


--
-- Name: COLUMN links.made_by; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(made_by) ON TABLE public.links TO tracehub_app;


--
-- Name: COLUMN links.created_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(created_at) ON TABLE public.links TO tracehub_app;


--
-- Name: COLUMN links.expires_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(expires_at) ON TABLE public.links TO tracehub_app;


--
-- Name: COLUMN links.used_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(used_at) ON TABLE public.links TO tracehub_app;


--
-- Name: TABLE log_in_failures; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE public.log_in_failures TO tracehub_app;


--
-- Name: TABLE organisation_history; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT ON TABLE public.organisation_history TO tracehub_app;


--
-- Name: TABLE organisations; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT ON TABLE public.organisations TO tracehub_app;


--
-- Name: TABLE paper_versions; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT ON TABLE public.paper_versions TO tracehub_app;


--
-- Name: TABLE papers; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE public.papers TO tracehub_app;


--
-- Name: COLUMN papers.deleted_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(deleted_at) ON TABLE public.papers TO tracehub_app;


--
-- Name: TABLE partners; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE public.partners TO tracehub_app;


--
-- Name: COLUMN partners.name; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(name) ON TABLE public.partners TO tracehub_app;


--
-- Name: COLUMN partners.address; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(address) ON TABLE public.partners TO tracehub_app;


--
-- Name: COLUMN partners.country; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(country) ON TABLE public.partners TO tracehub_app;


--
-- Name: COLUMN partners.eori; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(eori) ON TABLE public.partners TO tracehub_app;


--
-- Name: COLUMN partners.email; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(email) ON TABLE public.partners TO tracehub_app;


--
-- Name: COLUMN partners.version; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(version) ON TABLE public.partners TO tracehub_app;


--
-- Name: COLUMN partners.updated_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(updated_at) ON TABLE public.partners TO tracehub_app;


--
-- Name: TABLE reminders; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT ON TABLE public.reminders TO tracehub_app;


--
-- Name: TABLE sessions; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT DELETE ON TABLE public.sessions TO tracehub_app;


--
-- Name: COLUMN sessions.organisation_id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(organisation_id) ON TABLE public.sessions TO tracehub_app;


--
-- Name: COLUMN sessions.id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(id) ON TABLE public.sessions TO tracehub_app;


--
-- Name: COLUMN sessions.user_id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(user_id) ON TABLE public.sessions TO tracehub_app;


--
-- Name: COLUMN sessions.seen_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(seen_at),UPDATE(seen_at) ON TABLE public.sessions TO tracehub_app;


--
-- Name: TABLE share_papers; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT ON TABLE public.share_papers TO tracehub_app;


--
-- Name: COLUMN shares.organisation_id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(organisation_id),INSERT(organisation_id) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(id),INSERT(id) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.shipment_id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(shipment_id),INSERT(shipment_id) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.token_hash; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(token_hash) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.buyer; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(buyer),INSERT(buyer) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.language; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(language),INSERT(language) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.passcode_hash; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(passcode_hash) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.has_passcode; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(has_passcode) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.made_by; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(made_by),INSERT(made_by) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.created_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(created_at) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.expires_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(expires_at),INSERT(expires_at) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.revoked_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(revoked_at),UPDATE(revoked_at) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.opened; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(opened),UPDATE(opened) ON TABLE public.shares TO tracehub_app;


--
-- Name: COLUMN shares.opened_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(opened_at),UPDATE(opened_at) ON TABLE public.shares TO tracehub_app;


--
-- Name: TABLE shipment_partners; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE public.shipment_partners TO tracehub_app;


--
-- Name: TABLE shipments; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.reference; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(reference) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.product; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(product) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.status; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(status) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.container_number; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(container_number) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.origin_port; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(origin_port) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.destination_port; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(destination_port) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.departs_on; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(departs_on) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.arrives_on; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(arrives_on) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.stage; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(stage) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.version; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(version) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.updated_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(updated_at) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.incoterm; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(incoterm) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.buyer; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(buyer) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.bill_of_lading; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(bill_of_lading) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.booking; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(booking) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.vessel; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(vessel) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN shipments.voyage; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(voyage) ON TABLE public.shipments TO tracehub_app;


--
-- Name: COLUMN sign_ups.organisation_id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(organisation_id) ON TABLE public.sign_ups TO tracehub_app;


--
-- Name: COLUMN sign_ups.id; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(id) ON TABLE public.sign_ups TO tracehub_app;


--
-- Name: COLUMN sign_ups.token_hash; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(token_hash) ON TABLE public.sign_ups TO tracehub_app;


--
-- Name: COLUMN sign_ups.email; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(email) ON TABLE public.sign_ups TO tracehub_app;


--
-- Name: COLUMN sign_ups.organisation; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(organisation) ON TABLE public.sign_ups TO tracehub_app;


--
-- Name: COLUMN sign_ups.country; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(country) ON TABLE public.sign_ups TO tracehub_app;


--
-- Name: COLUMN sign_ups.kind; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT INSERT(kind) ON TABLE public.sign_ups TO tracehub_app;


--
-- Name: TABLE uploads; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE public.uploads TO tracehub_app;


--
-- Name: COLUMN uploads.version; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT UPDATE(version) ON TABLE public.uploads TO tracehub_app;


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

GRANT SELECT(name),UPDATE(name) ON TABLE public.users TO tracehub_app;


--
-- Name: COLUMN users.created_at; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(created_at) ON TABLE public.users TO tracehub_app;


--
-- Name: COLUMN users.role; Type: ACL; Schema: public; Owner: tracehub_owner
--

GRANT SELECT(role),UPDATE(role) ON TABLE public.users TO tracehub_app;


--
-- PostgreSQL database dump complete
--
