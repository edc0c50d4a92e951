-- What stands beside procrastinate's own tables, in a schema of its own so that another procrastinate in the same
-- database is left alone. {dispatch} is that schema, {runs} and {drivers} are the store's tables.
-- Nothing here is the truth: the schema can be dropped (CASCADE, for the trigger on the runs), and the first sweep of
-- the next worker writes the jobs anew from the runs. Executed once, in the transaction that creates the tables.

-- procrastinate looks a lock up by an index on (id, lock), which is read whole, and where the table was not analyzed
-- lately sorts all that waits: at 2,000 waiting jobs a fetch took 77 ms, and 0.1 ms with these.
CREATE INDEX jobs_by_lock ON {dispatch}.procrastinate_jobs (lock) WHERE status IN ('todo', 'doing');
DO $$
DECLARE
    setting text;
    function regprocedure;
BEGIN
    -- Also for whoever looks after the tables by hand, its functions find each other.
    FOR function IN SELECT oid FROM pg_proc WHERE pronamespace = '{dispatch}'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = {dispatch}, pg_temp', function);
    END LOOP;
    FOREACH setting IN ARRAY ARRAY['sort', 'seqscan', 'bitmapscan', 'hashjoin', 'mergejoin'] LOOP
        EXECUTE format('ALTER FUNCTION {dispatch}.procrastinate_fetch_job_v2 SET enable_%s = off', setting);
    END LOOP;
END;
$$;

-- A job for a run, once: one that waits is moved to the earlier time. Whoever fetched the waiting one meanwhile is
-- waited for, so that a job which began before this transaction's events were there never stands in for a new one.
CREATE FUNCTION {dispatch}.submit(run text, run_format integer, at timestamptz DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET search_path = {dispatch}, pg_temp AS $$
DECLARE
    job bigint;
    queue text := {queue} || run_format;
BEGIN
    INSERT INTO procrastinate_jobs AS waiting (queue_name, task_name, lock, queueing_lock, args, scheduled_at)
    VALUES (queue, {task}, run, run, jsonb_build_object('run_id', run), at)
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO UPDATE
        SET queue_name = excluded.queue_name,
            scheduled_at = CASE WHEN waiting.scheduled_at IS NULL OR excluded.scheduled_at IS NULL THEN NULL
                                ELSE least(waiting.scheduled_at, excluded.scheduled_at) END
    RETURNING id INTO job;
    -- An insert is announced by procrastinate's trigger, a change by nobody.
    IF at IS NULL THEN
        PERFORM pg_notify('procrastinate_queue_v1#' || queue,
                          json_build_object('type', 'job_inserted', 'job_id', job)::text);
    END IF;
END;
$$;

-- The same by the run's name alone.
CREATE FUNCTION {dispatch}.offer(run text, after_s double precision)
RETURNS void LANGUAGE sql SET search_path = {dispatch}, pg_temp AS $$
    SELECT submit(r.id, r.format, CASE WHEN after_s > 0 THEN now() + make_interval(secs => after_s) END)
    FROM {runs} r WHERE r.id = run;
$$;

-- A run that wants a driver is dispatched by the transaction that says so, whoever's it is: with its owner's rights.
CREATE FUNCTION {dispatch}.run_is_wanted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {dispatch}, pg_temp AS $$
BEGIN
    PERFORM submit(NEW.id, NEW.format);
    RETURN NULL;
END;
$$;

-- A job of a run that is still being driven waits for its lock: when that is given back, somebody must be told.
CREATE FUNCTION {dispatch}.lock_is_free() RETURNS trigger
LANGUAGE plpgsql SET search_path = {dispatch}, pg_temp AS $$
DECLARE
    waiting record;
BEGIN
    SELECT id, queue_name INTO waiting FROM procrastinate_jobs
    WHERE queueing_lock = OLD.lock AND status = 'todo' AND scheduled_at IS NULL;
    IF FOUND THEN
        PERFORM pg_notify('procrastinate_queue_v1#' || waiting.queue_name,
                          json_build_object('type', 'job_inserted', 'job_id', waiting.id)::text);
    END IF;
    RETURN NULL;
END;
$$;

-- Declares workers dead that were silent for too long, and hands on what they drove: first a new job, then the end of
-- the old one. The old one is never queued again: acknowledgements go by its number, and a worker that wakes up
-- would end the job of whoever drives the run by then.
CREATE FUNCTION {dispatch}.reap(silent_s double precision)
RETURNS TABLE (run text, worker bigint) LANGUAGE plpgsql SET search_path = {dispatch}, pg_temp AS $$
DECLARE
    job record;
BEGIN
    FOR job IN
        SELECT j.id, j.lock, j.worker_id, r.id AS run_id, r.format, r.driver, r.status
        FROM procrastinate_jobs j
        LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
        LEFT JOIN {runs} r ON r.id = j.lock
        WHERE j.status = 'doing' AND j.task_name = {task}
            AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => silent_s))
        ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
    LOOP
        IF job.run_id IS NOT NULL AND job.status NOT IN ('completed', 'failed', 'cancelled') THEN
            PERFORM submit(job.lock, job.format);
        END IF;
        PERFORM procrastinate_finish_job_v1(job.id, 'failed', false);
        DELETE FROM procrastinate_workers w
        WHERE w.id = job.worker_id AND w.last_heartbeat < now() - make_interval(secs => silent_s);
        DELETE FROM {drivers} d
        WHERE d.id = job.driver AND d.kind = 'worker' AND extract(epoch FROM now()) - d.beat_at > silent_s / 2;
        run := job.lock;
        worker := job.worker_id;
        RETURN NEXT;
    END LOOP;
END;
$$;

-- Submits the parked runs whose time has come; returns the seconds until the next one is due, null when none is.
CREATE FUNCTION {dispatch}.due()
RETURNS double precision LANGUAGE plpgsql SET search_path = {dispatch}, pg_temp AS $$
DECLARE
    unixtime double precision := extract(epoch FROM clock_timestamp());
BEGIN
    PERFORM submit(r.id, r.format) FROM {runs} r
    WHERE r.status = 'waiting' AND r.until <= unixtime AND NOT EXISTS (
        SELECT FROM procrastinate_jobs j WHERE j.lock = r.id AND j.status IN ('todo', 'doing'));
    RETURN (SELECT min(r.until) - unixtime FROM {runs} r WHERE r.status = 'waiting' AND r.until > unixtime);
END;
$$;

-- The net under everything: submits each run that nobody drives and that has no job; returns how many these were.
-- Also hands on what this worker fetched and, its connection having broken, never heard of.
CREATE FUNCTION {dispatch}.sweep(own bigint, driven text[], silent_s double precision)
RETURNS integer LANGUAGE plpgsql SET search_path = {dispatch}, pg_temp AS $$
DECLARE
    found integer;
BEGIN
    PERFORM submit(j.lock, r.format), procrastinate_finish_job_v1(j.id, 'failed', false)
    FROM procrastinate_jobs j JOIN {runs} r ON r.id = j.lock
    WHERE j.status = 'doing' AND j.worker_id = own AND j.lock <> ALL (driven) AND NOT EXISTS (
        SELECT FROM procrastinate_events e
        WHERE e.job_id = j.id AND e.type = 'started' AND e.at > now() - make_interval(secs => silent_s));
    IF NOT pg_try_advisory_xact_lock(hashtext('{dispatch} sweep')) THEN
        RETURN 0; -- somebody is at it
    END IF;
    SELECT count(submit(r.id, r.format)) INTO found FROM {runs} r LEFT JOIN {drivers} d ON d.id = r.driver
    WHERE r.status IN ('queued', 'running')
        AND (r.status = 'queued' OR d.id IS NULL OR extract(epoch FROM now()) - d.beat_at > d.timeout_s)
        AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.lock = r.id AND j.status IN ('todo', 'doing'));
    DELETE FROM procrastinate_jobs j
    WHERE j.status NOT IN ('todo', 'doing') AND NOT EXISTS (
        SELECT FROM procrastinate_events e WHERE e.job_id = j.id AND e.at > now() - interval '1 day');
    DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - make_interval(secs => 4 * silent_s);
    RETURN found;
END;
$$;

CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE OF status ON {runs}
    FOR EACH ROW WHEN (NEW.status = 'queued') EXECUTE FUNCTION {dispatch}.run_is_wanted();
CREATE TRIGGER lock_is_free AFTER DELETE ON {dispatch}.procrastinate_jobs
    FOR EACH ROW WHEN (OLD.status = 'doing') EXECUTE FUNCTION {dispatch}.lock_is_free();
