-- expand

-- What is to be done once, behind the request that caused it: written in its transaction, so that neither is without the other.
-- Of an organisation, or of the nil UUID where nobody knows of which one yet.
CREATE TABLE jobs (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('mail')),
    -- The link that is mailed.
    about uuid NOT NULL,
    -- What that link is known by: a key that does not make it again is not the one that this was caused under.
    link_hash bytea NOT NULL CHECK (octet_length(link_hash) = 32),
    -- What to do, without a secret.
    data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Not before then. Whoever takes it moves this on, so that nobody else does, and everybody may once that has passed.
    run_at timestamptz NOT NULL DEFAULT now(),
    -- How often it was taken.
    tries bigint NOT NULL DEFAULT 0,
    -- How often its server broke off or said nothing when it had the whole mail, and may have taken it.
    unanswered bigint NOT NULL DEFAULT 0,
    -- What the last one came to.
    error text CHECK (length(error) <= 200),
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('done', 'needless', 'refused', 'dead')),
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT jobs_end_somehow CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE ended_at IS NULL;
CREATE INDEX jobs_about ON jobs (organisation_id, about, created_at);
CREATE INDEX jobs_caused ON jobs (organisation_id, created_at);
CREATE INDEX jobs_ended ON jobs (ended_at);

-- Whose mailbox an address is: what stands behind a plus is for its owner.
CREATE FUNCTION mailbox(address text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp
    AS $$ SELECT regexp_replace(address, '[+][^@]*@', '@') $$;
REVOKE ALL ON FUNCTION mailbox FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mailbox TO tracehub_app;
CREATE INDEX jobs_by_mailbox ON jobs (mailbox(data ->> 'to'), created_at);
CREATE INDEX jobs_by_letter ON jobs ((data ->> 'letter'), created_at);

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON jobs USING (organisation_id = current_organisation_id());
-- A worker takes the next one, whosever it is: these functions look with the owner's rights.
CREATE POLICY by_worker ON jobs TO tracehub_owner USING (true);

GRANT SELECT, INSERT (organisation_id, id, kind, about, link_hash, data), UPDATE (run_at, unanswered, error, ended_at, outcome) ON jobs TO tracehub_app;

-- Takes the job that has waited longest, for so many seconds. Of many who ask at once, each gets another one. Who has forgotten
-- their password waits for nobody's sign-ups.
CREATE FUNCTION take_job(seconds integer)
    RETURNS TABLE (
        organisation_id uuid, id uuid, about uuid, link_hash bytea, data jsonb, tries bigint, unanswered bigint, created_at timestamptz
    )
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        UPDATE public.jobs j SET run_at = now() + make_interval(secs => seconds), tries = j.tries + 1
        FROM (SELECT d.organisation_id, d.id FROM public.jobs d WHERE d.ended_at IS NULL AND d.run_at <= now()
              ORDER BY d.data ->> 'letter' = 'forgotten_password' DESC, d.run_at LIMIT 1 FOR UPDATE SKIP LOCKED) AS due
        WHERE j.organisation_id = due.organisation_id AND j.id = due.id
        RETURNING j.organisation_id, j.id, j.about, j.link_hash, j.data, j.tries, j.unanswered, j.created_at
    $$;
REVOKE ALL ON FUNCTION take_job FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_job TO tracehub_app;

-- How many wait, for how long the oldest of them, and how many were given up within a day. An address that a server knows nothing
-- of is its sender's affair, unless most mails of a day were refused: then it is ours. What the server said of an address that a
-- stranger gave is nobody's affair at all.
CREATE FUNCTION job_figures(OUT waiting bigint, OUT oldest_seconds bigint, OUT dead bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
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
REVOKE ALL ON FUNCTION job_figures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION job_figures TO tracehub_app;

-- Ends what nobody has sent for a day, as where there is no mail server any more; and forgets what ended more than eight days ago:
-- an invitation, which says what became of its mail, is good for seven.
CREATE FUNCTION forget_jobs() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH ended AS (
            UPDATE public.jobs SET ended_at = now(), outcome = 'dead', error = coalesce(error, 'nobody has sent it for a day')
            WHERE ended_at IS NULL AND created_at < now() - interval '25 hours' AND run_at <= now() RETURNING 1
        ), forgotten AS (DELETE FROM public.jobs WHERE ended_at < now() - interval '8 days' RETURNING 1)
        SELECT (SELECT count(*) FROM ended) + (SELECT count(*) FROM forgotten)
    $$;
REVOKE ALL ON FUNCTION forget_jobs FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_jobs TO tracehub_app;

-- What became of the mail about a link, for who caused it.
CREATE FUNCTION mail_state(link uuid) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT CASE outcome WHEN 'done' THEN 'sent' WHEN 'refused' THEN 'refused' WHEN 'dead' THEN 'failed' ELSE 'waiting' END
        FROM public.jobs WHERE about = link AND outcome IS DISTINCT FROM 'needless' ORDER BY created_at DESC LIMIT 1
    $$;
REVOKE ALL ON FUNCTION mail_state FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mail_state TO tracehub_app;

-- Whether the transaction's organisation may have this mail sent as well. One after the other is counted, for an organisation and
-- for a mailbox; what was caused for nobody's organisation yet is counted with the log-ins, and when it is written.
CREATE FUNCTION may_mail(address text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
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
REVOKE ALL ON FUNCTION may_mail FROM PUBLIC;
GRANT EXECUTE ON FUNCTION may_mail TO tracehub_app;
