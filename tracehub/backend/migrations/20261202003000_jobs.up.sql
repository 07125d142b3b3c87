-- expand

-- What is to be done once, behind the request that caused it: written in its transaction, so that neither is without the other.
-- Of an organisation, or of the nil UUID where nobody knows of which one yet.
CREATE TABLE jobs (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('mail')),
    -- The link that is mailed.
    about uuid NOT NULL,
    -- What to do, without a secret.
    data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Not before then. Whoever takes it moves this on, so that nobody else does, and everybody may once that has passed.
    run_at timestamptz NOT NULL DEFAULT now(),
    -- How often it was taken.
    tries bigint NOT NULL DEFAULT 0,
    -- What the last one came to.
    error text CHECK (length(error) <= 200),
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('done', 'needless', 'refused', 'dead')),
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT jobs_end_somehow CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE ended_at IS NULL;
CREATE INDEX jobs_about ON jobs (organisation_id, about, created_at);
CREATE INDEX jobs_ended ON jobs (ended_at);

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON jobs USING (organisation_id = current_organisation_id());
-- A worker takes the next one, whosever it is: these functions look with the owner's rights.
CREATE POLICY by_worker ON jobs TO tracehub_owner USING (true);

GRANT SELECT, INSERT (organisation_id, id, kind, about, data), UPDATE (run_at, error, ended_at, outcome) ON jobs TO tracehub_app;

-- Takes the job that has waited longest, for so many seconds. Of many who ask at once, each gets another one.
CREATE FUNCTION take_job(seconds integer)
    RETURNS TABLE (organisation_id uuid, id uuid, about uuid, data jsonb, tries bigint, created_at timestamptz)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        UPDATE public.jobs j SET run_at = now() + make_interval(secs => seconds), tries = j.tries + 1
        FROM (SELECT d.organisation_id, d.id FROM public.jobs d WHERE d.ended_at IS NULL AND d.run_at <= now()
              ORDER BY d.run_at LIMIT 1 FOR UPDATE SKIP LOCKED) AS due
        WHERE j.organisation_id = due.organisation_id AND j.id = due.id
        RETURNING j.organisation_id, j.id, j.about, j.data, j.tries, j.created_at
    $$;
REVOKE ALL ON FUNCTION take_job FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_job TO tracehub_app;

-- How many wait, for how long the oldest of them, and how many were given up within a day. Addresses that a server knows
-- nothing of are their sender's affair, and not counted.
CREATE FUNCTION job_figures(OUT waiting bigint, OUT oldest_seconds bigint, OUT dead bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT count(*) FILTER (WHERE ended_at IS NULL),
               coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE ended_at IS NULL)), 0)::bigint,
               count(*) FILTER (WHERE outcome = 'dead' AND ended_at > now() - interval '1 day')
        FROM public.jobs WHERE ended_at IS NULL OR ended_at > now() - interval '1 day'
    $$;
REVOKE ALL ON FUNCTION job_figures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION job_figures TO tracehub_app;

-- Forgets what ended more than eight days ago: an invitation, which says what became of its mail, is good for seven.
CREATE FUNCTION forget_jobs() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        WITH forgotten AS (DELETE FROM public.jobs WHERE ended_at < now() - interval '8 days' RETURNING 1)
        SELECT count(*) FROM forgotten
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
