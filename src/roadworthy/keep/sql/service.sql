-- add_access_key: Let a caller in; their key is kept as a hash.
INSERT INTO access_key (app, name, hash, roles, namespace, created_at) VALUES (:app, :name, :hash, :roles, :namespace, :now);

-- access_key: Who a key belongs to, while it is not revoked.
SELECT name, roles, namespace FROM access_key WHERE app = :app AND hash = :hash AND revoked_at IS NULL;

-- access_keys: Every key of an app, oldest first.
SELECT name, roles, namespace, created_at, revoked_at FROM access_key WHERE app = :app ORDER BY id;

-- revoke_access_key: Let nobody in with a key of this name any more.
UPDATE access_key SET revoked_at = :now WHERE app = :app AND name = :name AND revoked_at IS NULL;

-- add_submission: Note which record a request under an Idempotency-Key became.
INSERT INTO submission (job_id, token, body_hash, record_id, at) VALUES (:job_id, :token, :body_hash, :record_id, :now);

-- submission: What came under an Idempotency-Key before.
SELECT body_hash, record_id FROM submission WHERE job_id = :job_id AND token = :token;

-- set_namespace: Say whose records a job holds.
UPDATE job SET namespace = :namespace WHERE id = :job_id AND namespace <> :namespace;

-- namespace: Whose records a job holds.
SELECT namespace FROM job WHERE id = :job_id;

-- records_in_namespace: Every version of a key that a namespace may see, newest first; of one entry where it is named.
SELECT record.id FROM record JOIN job ON job.id = record.job_id
WHERE job.app = :app AND job.namespace = :namespace AND record.key = :key AND (:entry = '' OR job.entry = :entry)
ORDER BY record.id DESC LIMIT 20;

-- entries_in_namespace: The entries that have a record of this key which a namespace may see.
SELECT DISTINCT job.entry FROM record JOIN job ON job.id = record.job_id
WHERE job.app = :app AND job.namespace = :namespace AND record.key = :key ORDER BY job.entry;

-- job_in_namespace: A job that a namespace may see.
SELECT id, entry, name, created_at FROM job WHERE id = :job_id AND app = :app AND namespace = :namespace;

-- served_jobs: The jobs of an app that the service works on, and that nobody has cancelled.
SELECT job.id, job.entry, job.name FROM job WHERE job.app = :app AND job.name LIKE :names ESCAPE '!'
  AND (SELECT run.cancelled_by FROM run WHERE run.job_id = job.id ORDER BY run.id DESC LIMIT 1) IS NULL ORDER BY job.id;

-- cancel_job: Ask every run of a job to stop, those that ended too: the service works on it no more.
UPDATE run SET cancelled_at = :now, cancelled_by = :cancelled_by WHERE job_id = :job_id AND cancelled_at IS NULL;

-- forget_submissions: Forget under which tokens a record came.
DELETE FROM submission WHERE record_id = :record_id;

-- ruled_records: Records of a job that wait for people who have ruled meanwhile.
SELECT record.id FROM record WHERE record.job_id = :job_id AND record.outcome IN ('pending', 'waiting')
  AND record.outcome = 'waiting' AND record.waiting_for = 'review'
  AND EXISTS (SELECT 1 FROM review WHERE review.record_id = record.id AND review.ruling IS NOT NULL
    AND review.ruled_at >= record.updated_at)
  AND NOT EXISTS (SELECT 1 FROM review WHERE review.record_id = record.id AND review.ruling IS NULL)
ORDER BY record.id LIMIT :count;

-- ruled_in_vain: The rulings on a record until a moment leave it waiting; nobody works on it.
UPDATE record SET updated_at = :at, owner = NULL
WHERE id = :record_id AND outcome = 'waiting' AND waiting_for = 'review' AND updated_at < :at;

-- served_unfinished: A page of a served job's records that may be gone on with and nobody else works on, oldest first.
SELECT record.id, record.id, record.job_id, record.key, record.version, record.line, record.body, record.body_hash, record.outcome,
  coalesce(record.waiting_for, ''), coalesce(record.reason, ''), record.value, record.confidence, record.certified,
  coalesce(record.model, ''), coalesce(record.mended, ''), record.attempts, record.cost_pico, record.deaths,
  coalesce(record.question_id, 0), coalesce(record.stale_run, 0), record.state, record.pieces
FROM record
WHERE record.job_id = :job_id AND record.id > :after AND record.outcome IN ('pending', 'waiting')
  AND (record.outcome = 'pending' OR record.waiting_for IN ('budget', 'provider'))
  AND (record.owner IS NULL OR record.owner = :owner
    OR NOT EXISTS (SELECT 1 FROM lease WHERE lease.owner = record.owner AND lease.ended_at IS NULL))
ORDER BY record.id LIMIT :count;

-- open_reviews_of_record: Open questions about one record that feedback can answer, oldest first.
SELECT id FROM review WHERE record_id = :record_id AND ruling IS NULL AND kind <> 'gate' ORDER BY id;

-- tokens_of_record: What a record's attempts read and wrote.
SELECT coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0) FROM attempt WHERE record_id = :record_id;

-- app_fates: How many records of an app stand where, by entry.
SELECT job.entry, record.outcome, coalesce(record.waiting_for, ''), count(*)
FROM record JOIN job ON job.id = record.job_id WHERE job.app = :app
GROUP BY job.entry, record.outcome, coalesce(record.waiting_for, '');

-- recent_runs: The newest runs of an app.
SELECT run.id, job.entry, job.name, run.started_at, run.ended_at, run.status, run.cancelled_by, run.summary, run.owner, job.id
FROM run JOIN job ON job.id = run.job_id WHERE job.app = :app ORDER BY run.id DESC LIMIT :count;

-- search_records: A page of an app's records, newest first: where they stand, what their key begins with, what they say.
SELECT record.id, record.key, job.entry, record.outcome, coalesce(record.waiting_for, ''), record.confidence,
  record.certified, coalesce(record.model, ''), record.attempts, record.cost_pico, record.updated_at,
  coalesce(record.value, ''), coalesce(record.reason, ''), job.id
FROM record JOIN job ON job.id = record.job_id
WHERE job.app = :app AND record.id < :before AND (:outcome = '' OR record.outcome = :outcome)
  AND (:entry = '' OR job.entry = :entry) AND (:pattern = '' OR lower(record.key) LIKE lower(:pattern) ESCAPE '!')
  AND (:waiting = '' OR record.waiting_for = :waiting) AND (:job_id = 0 OR job.id = :job_id)
  AND (:words = '' OR lower(record.body) LIKE lower(:words) ESCAPE '!' OR lower(record.value) LIKE lower(:words) ESCAPE '!'
    OR lower(record.reason) LIKE lower(:words) ESCAPE '!')
ORDER BY record.id DESC LIMIT :count;

-- open_questions: What waits for people: by step, kind and reader how many questions, and since when.
SELECT review.step, review.kind, review.reader, count(*), min(review.opened_at)
FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app AND review.ruling IS NULL
GROUP BY review.step, review.kind, review.reader ORDER BY review.step, review.kind, review.reader;

-- audited: The answers of an epoch that the coin picked, each with its place among all of them and when it was ruled on.
SELECT ranked.place, ranked.share, ranked.state, min(review.opened_at), max(review.ruled_at)
FROM (SELECT id, record_id, share, state, row_number() OVER (ORDER BY id) AS place FROM audit WHERE epoch_id = :epoch_id)
  AS ranked JOIN review ON review.record_id = ranked.record_id AND review.audit_id = ranked.id
WHERE ranked.state <> 'passed' GROUP BY ranked.place, ranked.share, ranked.state ORDER BY ranked.place LIMIT :count;

-- sure_and_ruled: How sure a step was of answers that people ruled on, and what they said.
SELECT review.step, review.confidence, review.ruling, count(*)
FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app AND review.confidence IS NOT NULL AND review.ruling IS NOT NULL AND review.reader = 0
  AND review.kind IN ('audit', 'doubt')
GROUP BY review.step, review.confidence, review.ruling ORDER BY review.step, review.confidence LIMIT :count;

-- job_prices: How many attempts each job of an app made, and what they cost.
SELECT record.job_id, count(*), coalesce(sum(attempt.cost_pico), 0)
FROM attempt JOIN record ON record.id = attempt.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app GROUP BY record.job_id;

-- add_forecast: Keep what was said an input would cost.
INSERT INTO forecast (app, entry, job, at, to_ask, low_pico, likely_pico, high_pico, spent_pico)
VALUES (:app, :entry, :job, :now, :to_ask, :low, :likely, :high, :spent);

-- forecasts: The newest forecasts of an app, each with its job's number where that was run.
SELECT forecast.entry, forecast.job, forecast.at, forecast.to_ask, forecast.low_pico, forecast.likely_pico,
  forecast.high_pico, forecast.spent_pico, coalesce(job.id, 0)
FROM forecast LEFT JOIN job ON job.app = forecast.app AND job.entry = forecast.entry AND job.name = forecast.job
WHERE forecast.app = :app ORDER BY forecast.id DESC LIMIT :count;

-- cost_by_step: What each step asked of each model, and what that cost; candidates that an app pays for included.
SELECT question.step, attempt.model, count(*), coalesce(sum(attempt.cost_pico), 0),
  coalesce(sum(attempt.input_tokens), 0), coalesce(sum(attempt.output_tokens), 0), coalesce(sum(attempt.cached_tokens), 0)
FROM attempt JOIN question ON question.id = attempt.question_id JOIN record ON record.id = attempt.record_id
  JOIN job ON job.id = record.job_id
WHERE job.payer = :app GROUP BY question.step, attempt.model ORDER BY 4 DESC;

-- cost_by_day: What each day (UTC, as days since 1970) cost, the newest first.
SELECT CAST(attempt.opened_at / 86400 AS INTEGER), count(*), coalesce(sum(attempt.cost_pico), 0)
FROM attempt JOIN record ON record.id = attempt.record_id JOIN job ON job.id = record.job_id
WHERE job.payer = :app GROUP BY 1 ORDER BY 1 DESC LIMIT :count;

-- app_versions: Every version of every step's prompt, newest first.
SELECT step, version, spec, first_seen FROM app_version WHERE app = :app ORDER BY first_seen DESC LIMIT :count;

-- record_of_review: The record that a question to a person is about.
SELECT record_id FROM review WHERE id = :review_id;
