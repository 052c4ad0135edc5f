-- add_app_version: Remember the text behind a step's version the first time it is seen.
INSERT INTO app_version (app, step, version, spec, first_seen) VALUES (:app, :step, :version, :spec, :now)
ON CONFLICT (app, step, version) DO NOTHING;

-- app_version: The text behind a step's version.
SELECT spec FROM app_version WHERE app = :app AND step = :step AND version = :version;

-- add_job: Make a job; (app, entry, name) is its identity.
INSERT INTO job (app, entry, name, created_at) VALUES (:app, :entry, :name, :now)
ON CONFLICT (app, entry, name) DO NOTHING;

-- job: Find a job by its identity.
SELECT id FROM job WHERE app = :app AND entry = :entry AND name = :name;

-- job_name: A job's name.
SELECT name FROM job WHERE id = :job_id;

-- jobs: All jobs of an app, newest first.
SELECT id, entry, name, created_at FROM job WHERE app = :app ORDER BY id DESC;

-- add_run: Begin a run of a job.
INSERT INTO run (job_id, owner, started_at) VALUES (:job_id, :owner, :now);

-- end_run: Note how a run ended.
UPDATE run SET ended_at = :now, status = :status, summary = :summary WHERE id = :run_id;

-- last_run: The newest run of a job that ended.
SELECT id, started_at, ended_at, status, summary FROM run WHERE job_id = :job_id AND ended_at IS NOT NULL ORDER BY id DESC LIMIT 1;

-- newest_version: The newest version of a record with this key.
SELECT id, version, body_hash, seen_run, line, outcome FROM record
WHERE job_id = :job_id AND key = :key ORDER BY version DESC LIMIT 1;

-- add_record: Take a record in.
INSERT INTO record (job_id, key, version, line, body, body_hash, raw, cleanings, outcome, reason, seen_run, updated_at, owner)
VALUES (:job_id, :key, :version, :line, :body, :body_hash, :raw, :cleanings, :outcome, :reason, :run_id, :now, :owner);

-- claim_record: Take a record that no living process works on; no row where another one has it.
UPDATE record SET owner = :owner WHERE id = :record_id AND (owner IS NULL OR owner = :owner
  OR NOT EXISTS (SELECT 1 FROM lease WHERE lease.owner = record.owner AND lease.ended_at IS NULL));

-- others_work: How many records of a job other living processes work on.
SELECT count(*) FROM record JOIN lease ON lease.owner = record.owner
WHERE record.job_id = :job_id AND record.owner <> :owner AND lease.ended_at IS NULL AND record.outcome = 'pending';

-- see_record: Note where in the newest input a record is.
UPDATE record SET line = :line WHERE id = :record_id;

-- put_line: Say which record a line of the input is.
INSERT INTO line (job_id, number, record_id, kind) VALUES (:job_id, :number, :record_id, :kind)
ON CONFLICT (job_id, number) DO UPDATE SET record_id = excluded.record_id, kind = excluded.kind;

-- line: Which record a line of the input is.
SELECT record_id, kind FROM line WHERE job_id = :job_id AND number = :number;

-- drop_lines_after: Forget lines that a shorter input no longer has.
DELETE FROM line WHERE job_id = :job_id AND number > :number;

-- last_line: The highest line number of a job.
SELECT max(number) FROM line WHERE job_id = :job_id;

-- record: One record, whole.
SELECT id, job_id, key, version, line, body, body_hash, outcome, waiting_for, reason, value, confidence, certified, model,
  mended, attempts, cost_pico, deaths, question_id, stale_run
FROM record WHERE id = :record_id;

-- job_of_record: The job that a record belongs to.
SELECT job.name, job.entry FROM record JOIN job ON job.id = record.job_id WHERE record.id = :record_id;

-- lines_of_record: Which lines of the input are a record.
SELECT line.number, line.kind FROM line JOIN record ON record.job_id = line.job_id
WHERE record.id = :record_id AND line.record_id = :record_id ORDER BY line.number LIMIT 20;

-- record_origin: The bytes a record came as and what cleaning changed.
SELECT raw, cleanings FROM record WHERE id = :record_id;

-- records_by_key: Every version of a key in every job of an app, newest first.
SELECT record.id FROM record JOIN job ON job.id = record.job_id
WHERE job.app = :app AND record.key = :key ORDER BY record.id DESC;

-- page_lines: A page of a job's lines in input order, with the record behind each.
SELECT line.number, line.kind, record.id, record.key, record.outcome, record.waiting_for, record.reason, record.value,
  record.confidence, record.certified, record.model, record.attempts, record.cost_pico
FROM line JOIN record ON record.id = line.record_id
WHERE line.job_id = :job_id AND line.number > :after ORDER BY line.number LIMIT :count;

-- page_unfinished: A page of records that this run may go on with and nobody else works on, in input order.
SELECT line.number, record.id, record.job_id, record.key, record.version, record.line, record.body, record.body_hash,
  record.outcome, record.waiting_for, record.reason, record.value, record.confidence, record.certified, record.model,
  record.mended, record.attempts, record.cost_pico, record.deaths, record.question_id, record.stale_run
FROM line JOIN record ON record.id = line.record_id
WHERE line.job_id = :job_id AND line.number > :after AND line.kind = 'first'
  AND (record.outcome = 'pending' OR record.stale_run = :run_id
    OR (record.outcome = 'waiting' AND record.waiting_for IN ('budget', 'provider')))
  AND (record.owner IS NULL OR record.owner = :owner
    OR NOT EXISTS (SELECT 1 FROM lease WHERE lease.owner = record.owner AND lease.ended_at IS NULL))
ORDER BY line.number LIMIT :count;

-- unfinished_jobs: Jobs with records that somebody may go on with, oldest first.
SELECT job.entry, job.name FROM job WHERE job.app = :app AND EXISTS
  (SELECT 1 FROM record WHERE record.job_id = job.id AND (record.outcome = 'pending'
    OR (record.outcome = 'waiting' AND record.waiting_for IN ('budget', 'provider')))) ORDER BY job.id;

-- fates: How many lines of a job stand where.
SELECT record.outcome, coalesce(record.waiting_for, ''), count(*)
FROM line JOIN record ON record.id = line.record_id WHERE line.job_id = :job_id
GROUP BY record.outcome, coalesce(record.waiting_for, '');

-- kinds: How many lines of a job are firsts, duplicates and conflicts.
SELECT kind, count(*) FROM line WHERE job_id = :job_id GROUP BY kind;

-- answered: How many records of a job have bought something.
SELECT count(*) FROM record WHERE job_id = :job_id AND attempts > 0;

-- any_answered: Whether any record of a job has bought something or stands answered.
SELECT 1 FROM record WHERE job_id = :job_id AND (attempts > 0 OR outcome NOT IN ('pending', 'rejected')) LIMIT 1;

-- keep_record: Write where a record stands now, with what its last attempts cost.
UPDATE record SET outcome = :outcome, waiting_for = :waiting_for, reason = :reason, value = :value,
  confidence = :confidence, certified = :certified, model = :model, mended = :mended, question_id = :question_id,
  attempts = attempts + :attempts, cost_pico = cost_pico + :cost_pico,
  deaths = 0, stale_run = NULL, owner = NULL, updated_at = :now
WHERE id = :record_id;

-- mark_stale: Note that a record's answer is no longer the answer to today's question.
UPDATE record SET stale_run = :run_id WHERE id = :record_id;

-- retry_failed_questions: Raise the sample number of the questions that failed records stopped at.
UPDATE question SET sample = sample + 1 WHERE id IN
  (SELECT question_id FROM record WHERE job_id = :job_id AND outcome = 'failed' AND question_id IS NOT NULL);

-- retry_failed_records: Put failed records back.
UPDATE record SET outcome = 'pending', reason = NULL, deaths = 0 WHERE job_id = :job_id AND outcome = 'failed';

-- refresh_questions: Raise the sample number of every question of a job.
UPDATE question SET sample = sample + 1 WHERE record_id IN (SELECT id FROM record WHERE job_id = :job_id);

-- refresh_records: Put every answered record of a job back.
UPDATE record SET outcome = 'pending', waiting_for = NULL, reason = NULL
WHERE job_id = :job_id AND outcome IN ('accepted', 'failed', 'waiting');

-- question: The pinned question of a record's step for what does not move.
SELECT id, version, body, sample FROM question
WHERE record_id = :record_id AND step = :step AND fixed = :fixed ORDER BY id DESC LIMIT 1;

-- questions: Every question ever pinned for a record.
SELECT id, step, version, body, sample, created_at FROM question WHERE record_id = :record_id ORDER BY id;

-- add_question: Pin a question.
INSERT INTO question (record_id, step, version, fixed, body, sample, created_at)
VALUES (:record_id, :step, :version, :fixed, :body, 0, :now);

-- reply_by_key: The reply to a request, if it was ever bought; the whole key is compared.
SELECT attempt.id, attempt.model, reply.ending, reply.text, reply.finish, reply.served_model, reply.token_probability
FROM attempt JOIN reply ON reply.attempt_id = attempt.id
WHERE attempt.key64 = :key64 AND attempt.key = :key LIMIT 1;

-- request: What is known of a request: its reply, else whose attempt is on the wire; the whole key is compared.
SELECT attempt.id, attempt.model, reply.ending, reply.text, reply.finish, reply.served_model, reply.token_probability,
  attempt.owner
FROM attempt LEFT JOIN reply ON reply.attempt_id = attempt.id
WHERE attempt.key64 = :key64 AND attempt.key = :key AND (reply.attempt_id IS NOT NULL OR attempt.state = 'intent')
ORDER BY reply.attempt_id IS NULL LIMIT 1;

-- tried_by_key: Whether a request was ever sent.
SELECT id FROM attempt WHERE key64 = :key64 AND key = :key AND state <> 'unsent' LIMIT 1;

-- add_attempt: The intent, durable before the wire.
INSERT INTO attempt (key64, key, record_id, question_id, run_id, owner, period, model, sample, words, output_cap, state,
  reserved_pico, opened_at, opened_tick)
VALUES (:key64, :key, :record_id, :question_id, :run_id, :owner, :period, :model, :sample, :words, :output_cap, 'intent',
  :reserved_pico, :now, :tick);

-- settle_attempt: What became of an attempt; only one that is still open can be settled.
UPDATE attempt SET state = :state, ending = :ending, cost_pico = :cost_pico, input_tokens = :input_tokens,
  output_tokens = :output_tokens, cached_tokens = :cached_tokens, reasoning_tokens = :reasoning_tokens,
  served_model = :served_model, provider_id = :provider_id, detail = :detail, latency_s = :latency_s, settled_tick = :tick
WHERE id = :attempt_id AND state = 'intent';

-- charge_record: Add an attempt to its record's account.
UPDATE record SET attempts = attempts + :attempts, cost_pico = cost_pico + :cost_pico WHERE id = :record_id;

-- add_reply: Keep what the model sent back.
INSERT INTO reply (attempt_id, ending, finish, served_model, token_probability, text)
VALUES (:attempt_id, :ending, :finish, :served_model, :token_probability, :text);

-- attempts_of_record: Every attempt for a record, in order, with its reply.
SELECT attempt.id, attempt.question_id, attempt.model, attempt.sample, attempt.words, attempt.output_cap, attempt.state,
  attempt.ending, attempt.reserved_pico, attempt.cost_pico, attempt.input_tokens, attempt.output_tokens,
  attempt.cached_tokens, attempt.reasoning_tokens, attempt.served_model, attempt.provider_id, attempt.detail,
  attempt.opened_at, attempt.latency_s, attempt.run_id, attempt.key, reply.text, reply.finish
FROM attempt LEFT JOIN reply ON reply.attempt_id = attempt.id
WHERE attempt.record_id = :record_id ORDER BY attempt.id;

-- open_of_owner: Attempts of a process that are still on the wire, with the accounts they are promised from.
SELECT attempt.id, attempt.record_id, attempt.reserved_pico, attempt.period, run.job_id, job.app
FROM attempt JOIN run ON run.id = attempt.run_id JOIN job ON job.id = run.job_id
WHERE attempt.owner = :owner AND attempt.state = 'intent';

-- add_death: Note that a process died while this record was in flight.
UPDATE record SET deaths = deaths + 1 WHERE id = :record_id;

-- job_money: What a job's attempts came to, by state.
SELECT attempt.state, count(*), coalesce(sum(attempt.cost_pico), 0), coalesce(sum(attempt.reserved_pico), 0)
FROM attempt JOIN run ON run.id = attempt.run_id WHERE run.job_id = :job_id GROUP BY attempt.state;

-- job_cost: A job's attempts by model and ending: count, cost, tokens, latency.
SELECT attempt.model, coalesce(attempt.ending, 'on the wire'), count(*), coalesce(sum(attempt.cost_pico), 0),
  coalesce(sum(attempt.input_tokens), 0), coalesce(sum(attempt.output_tokens), 0), coalesce(sum(attempt.cached_tokens), 0),
  avg(attempt.latency_s)
FROM attempt JOIN run ON run.id = attempt.run_id WHERE run.job_id = :job_id
GROUP BY attempt.model, coalesce(attempt.ending, 'on the wire') ORDER BY attempt.model, 2;

-- costs_by_record: What each record of a job cost by model: settled and unknown attempts with their tokens and time.
SELECT attempt.record_id, attempt.model, sum(attempt.cost_pico), sum(coalesce(attempt.input_tokens, 0)),
  sum(coalesce(attempt.output_tokens, 0)), sum(coalesce(attempt.latency_s, 0.0))
FROM attempt JOIN run ON run.id = attempt.run_id
WHERE run.job_id = :job_id AND attempt.cost_pico IS NOT NULL
GROUP BY attempt.record_id, attempt.model ORDER BY attempt.record_id;

-- job_steps: A job's cost by step.
SELECT question.step, count(*), coalesce(sum(attempt.cost_pico), 0)
FROM attempt JOIN run ON run.id = attempt.run_id JOIN question ON question.id = attempt.question_id
WHERE run.job_id = :job_id GROUP BY question.step ORDER BY question.step;

-- job_models: Which model's answers a job accepted.
SELECT coalesce(record.model, ''), count(*) FROM line JOIN record ON record.id = line.record_id
WHERE line.job_id = :job_id AND record.outcome = 'accepted' GROUP BY record.model ORDER BY 2 DESC;

-- job_latencies: Latencies of a job's answered attempts in order, for quantiles.
SELECT attempt.latency_s FROM attempt JOIN run ON run.id = attempt.run_id
WHERE run.job_id = :job_id AND attempt.ending = 'ok' ORDER BY attempt.latency_s;

-- job_grounds: Why records of a job are not accepted, commonest first.
SELECT record.outcome, coalesce(record.reason, ''), count(*) FROM line JOIN record ON record.id = line.record_id
WHERE line.job_id = :job_id AND record.outcome IN ('rejected', 'failed', 'waiting')
GROUP BY record.outcome, record.reason ORDER BY 3 DESC LIMIT :count;

-- budget: One cap's account.
SELECT limit_pico, spent_pico, reserved_pico, overrun_pico, tick FROM budget WHERE scope = :scope;

-- put_budget: Write one cap's account.
INSERT INTO budget (scope, limit_pico, spent_pico, reserved_pico, overrun_pico, tick)
VALUES (:scope, :limit_pico, :spent_pico, :reserved_pico, :overrun_pico, :tick)
ON CONFLICT (scope) DO UPDATE SET limit_pico = excluded.limit_pico, spent_pico = excluded.spent_pico,
  reserved_pico = excluded.reserved_pico, overrun_pico = excluded.overrun_pico, tick = excluded.tick;

-- budgets: Every cap's account.
SELECT scope, limit_pico, spent_pico, reserved_pico, overrun_pico FROM budget ORDER BY scope;

-- add_lease: A process begins to work on this ledger.
INSERT INTO lease (pid, started_at) VALUES (:pid, :now);

-- live_leases: Processes that have not said good-bye, or left something on the wire.
SELECT owner, pid FROM lease
WHERE ended_at IS NULL OR owner IN (SELECT DISTINCT owner FROM attempt WHERE state = 'intent');

-- end_lease: A process is gone.
UPDATE lease SET ended_at = :now WHERE owner = :owner AND ended_at IS NULL;

-- add_event: Note that something happened.
INSERT INTO event (at, run_id, record_id, kind, data) VALUES (:now, :run_id, :record_id, :kind, :data);

-- events: What happened in a job's runs, newest first.
SELECT event.at, event.kind, event.data FROM event JOIN run ON run.id = event.run_id
WHERE run.job_id = :job_id ORDER BY event.id DESC LIMIT :count;

-- events_of_record: What happened to a record.
SELECT at, kind, data FROM event WHERE record_id = :record_id ORDER BY id;

-- put_review: Ask a person; the newest grounds and suggestion stand, a ruling that was made stays.
INSERT INTO review (record_id, step, subject, kind, grounds, suggestion, confidence, opened_at)
VALUES (:record_id, :step, :subject, :kind, :grounds, :suggestion, :confidence, :now)
ON CONFLICT (record_id, step, subject) DO UPDATE SET grounds = excluded.grounds, suggestion = excluded.suggestion,
  confidence = excluded.confidence WHERE review.ruling IS NULL;

-- drop_review: A record no longer waits for a person who has not spoken.
DELETE FROM review WHERE record_id = :record_id AND step = :step AND subject = :subject AND ruling IS NULL;

-- ruling: What a person decided about a step of a record.
SELECT id, ruling, correction, suggestion, ruled_by, note FROM review
WHERE record_id = :record_id AND step = :step AND subject = :subject AND ruling IS NOT NULL;

-- rulings: How many rulings a record has; most have none.
SELECT count(*) FROM review WHERE record_id = :record_id AND ruling IS NOT NULL;

-- reviews_of_record: Everything a person was asked about a record.
SELECT id, step, kind, grounds, suggestion, confidence, opened_at, ruling, correction, note, ruled_by, ruled_at
FROM review WHERE record_id = :record_id ORDER BY id;

-- queue: Open questions to a person, oldest first.
SELECT review.id, review.record_id, record.key, review.step, review.kind, review.grounds, review.suggestion,
  review.confidence, record.body, job.entry, job.id
FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app AND review.ruling IS NULL AND review.id > :after ORDER BY review.id LIMIT :count;

-- queue_length: How many open questions to a person an app has.
SELECT count(*) FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app AND review.ruling IS NULL;

-- rule: A person decides.
UPDATE review SET ruling = :ruling, correction = :correction, note = :note, ruled_by = :ruled_by, ruled_at = :now
WHERE id = :review_id AND ruling IS NULL;

-- review: One question to a person, with the record and job it belongs to.
SELECT review.record_id, review.step, review.suggestion, review.ruling, record.key, job.app, job.entry, review.kind
FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id WHERE review.id = :review_id;

-- put_label: The right answer, or right or wrong, for one record; the newest one stands.
INSERT INTO label (app, entry, key, label, correct, source, at) VALUES (:app, :entry, :key, :label, :correct, :source, :now)
ON CONFLICT (app, entry, key) DO UPDATE SET label = excluded.label, correct = excluded.correct,
  source = excluded.source, at = excluded.at;

-- label: The label of one record.
SELECT label, correct, source, at FROM label WHERE app = :app AND entry = :entry AND key = :key;

-- labels: How many labels an app has.
SELECT count(*) FROM label WHERE app = :app;

-- labelled: Accepted answers beside their labels.
SELECT line.number, record.value, label.label, label.correct FROM line
JOIN record ON record.id = line.record_id JOIN job ON job.id = line.job_id
JOIN label ON label.app = job.app AND label.entry = job.entry AND label.key = record.key
WHERE line.job_id = :job_id AND line.kind = 'first' AND record.outcome = 'accepted' AND line.number > :after
ORDER BY line.number LIMIT :count;

-- once: The kept result of a function marked once.
SELECT value, done, token FROM once WHERE record_id = :record_id AND name = :name AND subject = :subject;

-- begin_once: Note that a function marked once is about to run, with the token it is handed.
INSERT INTO once (record_id, name, subject, token, at) VALUES (:record_id, :name, :subject, :token, :now)
ON CONFLICT (record_id, name, subject) DO NOTHING;

-- finish_once: Keep the result of a function marked once.
UPDATE once SET value = :value, done = 1, at = :now WHERE record_id = :record_id AND name = :name AND subject = :subject;

-- onces_of_record: What functions marked once did for a record.
SELECT name, value, done, at FROM once WHERE record_id = :record_id ORDER BY at;

-- quick_check: Whether the file's pages are sound.
PRAGMA quick_check;

-- accounts_against_attempts: Every job's account beside the sum of its attempts.
SELECT budget.scope, budget.spent_pico, budget.reserved_pico,
  coalesce(sum(CASE WHEN attempt.state <> 'intent' THEN attempt.cost_pico END), 0),
  coalesce(sum(CASE WHEN attempt.state = 'intent' THEN attempt.reserved_pico END), 0)
FROM budget LEFT JOIN run ON 'job:' || run.job_id = budget.scope LEFT JOIN attempt ON attempt.run_id = run.id
WHERE budget.scope LIKE 'job:%' GROUP BY budget.scope, budget.spent_pico, budget.reserved_pico;
