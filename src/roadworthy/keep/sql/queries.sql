-- add_app_version: Remember the text behind a step's version the first time it is seen.
INSERT INTO app_version (app, step, version, spec, first_seen) VALUES (:app, :step, :version, :spec, :now)
ON CONFLICT (app, step, version) DO NOTHING;

-- app_version: The text behind a step's version.
SELECT spec FROM app_version WHERE app = :app AND step = :step AND version = :version;

-- add_job: Make a job; (app, entry, name) is its identity, `payer` the app whose money it spends.
INSERT INTO job (app, entry, name, payer, created_at) VALUES (:app, :entry, :name, :payer, :now)
ON CONFLICT (app, entry, name) DO NOTHING;

-- job: Find a job by its identity.
SELECT id FROM job WHERE app = :app AND entry = :entry AND name = :name;

-- hold_job: Wait until nobody holds a job, and let nobody else hold it until this transaction ends.
UPDATE job SET name = name WHERE id = :job_id;

-- hold_jobs: The same for every job that an app pays for.
UPDATE job SET name = name WHERE payer = :app;

-- hold_record: Let nobody else change a record until this transaction ends.
UPDATE record SET owner = owner WHERE id = :record_id;

-- job_name: A job's name and its entry.
SELECT name, entry FROM job WHERE id = :job_id;

-- jobs: All jobs of an app, newest first.
SELECT id, entry, name, created_at FROM job WHERE app = :app ORDER BY id DESC;

-- add_run: Begin a run of a job.
INSERT INTO run (job_id, owner, started_at) VALUES (:job_id, :owner, :now);

-- end_run: Note how a run ended.
UPDATE run SET ended_at = :now, status = :status, summary = :summary WHERE id = :run_id;

-- last_run: The newest run of a job that ended.
SELECT id, started_at, ended_at, status, summary FROM run WHERE job_id = :job_id AND ended_at IS NOT NULL ORDER BY id DESC LIMIT 1;

-- newest_version: The newest version of a record with this key.
SELECT id, version, body_hash, seen_run, line, outcome, CASE WHEN body IS NULL THEN 1 ELSE 0 END FROM record
WHERE job_id = :job_id AND key = :key ORDER BY version DESC LIMIT 1;

-- add_record: Take a record in.
INSERT INTO record (job_id, key, version, line, body, body_hash, raw, cleanings, outcome, reason, seen_run, updated_at, owner, pieces)
VALUES (:job_id, :key, :version, :line, :body, :body_hash, :raw, :cleanings, :outcome, :reason, :run_id, :now, :owner, :pieces);

-- add_piece: Take in a piece of a record's text.
INSERT INTO piece (record_id, number, text) VALUES (:record_id, :number, :text);

-- piece: One piece of a record's text.
SELECT text FROM piece WHERE record_id = :record_id AND number = :number;

-- pieces: A record's text, in pieces.
SELECT text FROM piece WHERE record_id = :record_id ORDER BY number;

-- erase_pieces: Remove a record's text.
DELETE FROM piece WHERE record_id = :record_id;

-- pieces_length: How many characters a record's text has.
SELECT coalesce(sum(length(text)), 0) FROM piece WHERE record_id = :record_id;

-- claim_record: Take a record that no living process works on; no row where another one has it. Dead is whose lease has ended: that of a newcomer may not be seen yet.
UPDATE record SET owner = :owner WHERE id = :record_id AND (owner IS NULL OR owner = :owner
  OR EXISTS (SELECT 1 FROM lease WHERE lease.owner = record.owner AND lease.ended_at IS NOT NULL));

-- let_go: Give back a claim on a record that is not to be gone on with.
UPDATE record SET owner = NULL WHERE id = :record_id AND owner = :owner;

-- claim_records: The same for several, by a JSON list of their numbers: those that were taken.
UPDATE record SET owner = :owner WHERE id IN (SELECT value FROM json_each(:ids)) AND (owner IS NULL OR owner = :owner
  OR EXISTS (SELECT 1 FROM lease WHERE lease.owner = record.owner AND lease.ended_at IS NOT NULL))
RETURNING id;

-- others_work: How many records of a job other living processes work on.
SELECT count(*) FROM record JOIN lease ON lease.owner = record.owner
WHERE record.job_id = :job_id AND record.outcome IN ('pending', 'waiting') AND record.owner <> :owner
  AND lease.ended_at IS NULL AND record.outcome = 'pending';

-- see_record: Note where in the newest input a record is.
UPDATE record SET line = :line WHERE id = :record_id;

-- restore_record: Put back what retention removed of a record that came again.
UPDATE record SET body = :body, raw = :raw, cleanings = :cleanings, pieces = :pieces WHERE id = :record_id;

-- put_line: Say which record a line of the input is.
INSERT INTO line (job_id, number, record_id, kind) VALUES (:job_id, :number, :record_id, :kind)
ON CONFLICT (job_id, number) DO UPDATE SET record_id = excluded.record_id, kind = excluded.kind;

-- line: Which record a line of the input is.
SELECT record_id, kind FROM line WHERE job_id = :job_id AND number = :number;

-- drop_lines_after: Forget lines that a shorter input no longer has.
DELETE FROM line WHERE job_id = :job_id AND number > :number;

-- next_line: A number for the line of a record that code hands over, behind all lines of its job.
SELECT coalesce(max(number), 0) + 1 FROM line WHERE job_id = :job_id;

-- last_line: The highest line number of a job.
SELECT max(number) FROM line WHERE job_id = :job_id;

-- record: One record, whole.
SELECT id, job_id, key, version, line, body, body_hash, outcome,
  coalesce(waiting_for, ''), coalesce(reason, ''), value, confidence, certified,
  coalesce(model, ''), coalesce(mended, ''), attempts, cost_pico, deaths,
  coalesce(question_id, 0), coalesce(stale_run, 0), state, pieces
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

-- copies_of_key: Every version of a key in every job of an app and of its candidates, newest first.
SELECT record.id, job.namespace FROM record JOIN job ON job.id = record.job_id
WHERE job.payer = :app AND record.key = :key ORDER BY record.id DESC;

-- page_lines: A page of a job's lines in input order, with the record behind each.
SELECT line.number, line.kind, record.id, record.key, record.outcome, coalesce(record.waiting_for, ''),
  coalesce(record.reason, ''), record.value, record.confidence, record.certified, coalesce(record.model, ''),
  record.attempts, record.cost_pico
FROM line JOIN record ON record.id = line.record_id
WHERE line.job_id = :job_id AND line.number > :after ORDER BY line.number LIMIT :count;

-- page_unfinished: A page of records that this run may go on with and nobody else works on, in input order.
SELECT line.number, record.id, record.job_id, record.key, record.version, record.line, record.body, record.body_hash, record.outcome,
  coalesce(record.waiting_for, ''), coalesce(record.reason, ''), record.value, record.confidence, record.certified,
  coalesce(record.model, ''), coalesce(record.mended, ''), record.attempts, record.cost_pico, record.deaths,
  coalesce(record.question_id, 0), coalesce(record.stale_run, 0), record.state, record.pieces
FROM line JOIN record ON record.id = line.record_id
WHERE line.job_id = :job_id AND line.number > :after AND line.kind = 'first'
  AND (record.outcome = 'pending' OR record.stale_run = :run_id
    OR (record.outcome = 'waiting' AND record.waiting_for IN ('budget', 'provider')))
  AND (record.owner IS NULL OR record.owner = :owner
    OR NOT EXISTS (SELECT 1 FROM lease WHERE lease.owner = record.owner AND lease.ended_at IS NULL))
ORDER BY line.number LIMIT :count;

-- unfinished_jobs: Jobs with records that somebody may go on with, oldest first; a job with batches is its run's alone.
SELECT job.entry, job.name FROM job WHERE job.app = :app AND job.batch = 0 AND EXISTS
  (SELECT 1 FROM record WHERE record.job_id = job.id AND (record.outcome = 'pending' OR record.stale_run = :stale_run
    OR (record.outcome = 'waiting' AND record.waiting_for IN ('budget', 'provider')))
    AND EXISTS (SELECT 1 FROM line WHERE line.job_id = record.job_id AND line.number = record.line AND line.record_id = record.id))
ORDER BY job.id;

-- fates: How many lines of a job stand where.
SELECT record.outcome, coalesce(record.waiting_for, ''), count(*)
FROM line JOIN record ON record.id = line.record_id WHERE line.job_id = :job_id
GROUP BY record.outcome, coalesce(record.waiting_for, '');

-- open_records: How many records of a job are not at their end, by what they wait for; out of the index of those alone.
SELECT CASE record.outcome WHEN 'pending' THEN 'pending' ELSE coalesce(record.waiting_for, '') END, count(*)
FROM record WHERE record.job_id = :job_id AND record.outcome IN ('pending', 'waiting') AND EXISTS (SELECT 1 FROM line
  WHERE line.job_id = record.job_id AND line.number = record.line AND line.record_id = record.id) GROUP BY 1;

-- standing: How many lines of a job, of each kind, stand where, and whose answer they have; in one pass over all of it.
SELECT line.kind, record.outcome, record.waiting_for, record.model, count(*)
FROM line JOIN record ON record.id = line.record_id WHERE line.job_id = :job_id
GROUP BY line.kind, record.outcome, record.waiting_for, record.model;

-- job_costs: How many attempts of a job have a cost.
SELECT count(*) FROM attempt WHERE run_id IN (SELECT id FROM run WHERE job_id = :job_id) AND cost_pico IS NOT NULL;

-- answered: How many records of a job have bought something.
SELECT count(*) FROM record WHERE job_id = :job_id AND attempts > 0;

-- answered_or_paid: How many records of a job have bought something or have an answer, which another job may have bought.
SELECT count(*) FROM record WHERE job_id = :job_id AND (attempts > 0 OR outcome = 'accepted');

-- any_answered: Whether any record of a job has bought something or stands answered.
SELECT 1 FROM record WHERE job_id = :job_id AND (attempts > 0 OR outcome NOT IN ('pending', 'rejected')) LIMIT 1;

-- keep_record: Write where a record stands now, with what its last attempts cost.
UPDATE record SET outcome = :outcome, waiting_for = :waiting_for, reason = :reason, value = :value,
  confidence = :confidence, certified = :certified, model = :model, mended = :mended, question_id = :question_id, state = :state,
  attempts = attempts + :attempts, cost_pico = cost_pico + :cost_pico,
  deaths = 0, stale_run = NULL, owner = NULL, updated_at = :now
WHERE id = :record_id;

-- mark_stale: Note that a record's answer is no longer the answer to today's question.
UPDATE record SET stale_run = :run_id WHERE id = :record_id;

-- retry_failed_questions: Raise the sample number of the questions that failed records stopped at.
UPDATE question SET sample = sample + 1 WHERE id IN
  (SELECT question_id FROM record WHERE job_id = :job_id AND outcome = 'failed' AND question_id IS NOT NULL);

-- retry_failed_records: Put failed records back.
UPDATE record SET outcome = 'pending', reason = NULL, deaths = 0, stale_run = -1
WHERE job_id = :job_id AND outcome = 'failed' AND body IS NOT NULL;

-- refresh_questions: Raise the sample number of every question of a job.
UPDATE question SET sample = sample + 1, refreshed = 1 WHERE record_id IN (SELECT id FROM record WHERE job_id = :job_id);

-- refresh_records: Put every answered record of a job back.
UPDATE record SET outcome = 'pending', waiting_for = NULL, reason = NULL, stale_run = -1
WHERE job_id = :job_id AND outcome IN ('accepted', 'failed', 'waiting') AND body IS NOT NULL;

-- question: The pinned question of a record's step for what does not move.
SELECT record_id, step, fixed, id, version, body, sample, refreshed FROM question
WHERE record_id = :record_id AND step = :step AND fixed = :fixed ORDER BY id DESC LIMIT 1;

-- any_question: Whether anything was ever asked for a record.
SELECT 1 FROM question WHERE record_id = :record_id LIMIT 1;

-- questions: Every question ever pinned for a record.
SELECT id, step, version, body, sample, created_at FROM question WHERE record_id = :record_id ORDER BY id;

-- add_question: Pin a question.
INSERT INTO question (record_id, step, version, fixed, body, sample, created_at)
VALUES (:record_id, :step, :version, :fixed, :body, :sample, :now);

-- add_first_question: The same, unless an attempt's key begins as the request's does: then something may be known of it.
INSERT INTO question (record_id, step, version, fixed, body, sample, created_at)
SELECT :record_id, :step, :version, :fixed, :body, :sample, :now
WHERE NOT EXISTS (SELECT 1 FROM attempt WHERE key64 = :key64);

-- reply_by_key: The reply to a request, if it was ever bought; the whole key is compared.
SELECT attempt.id, attempt.model, reply.ending, reply.text, reply.finish, reply.served_model, reply.token_probability
FROM attempt JOIN reply ON reply.attempt_id = attempt.id
WHERE attempt.key64 = :key64 AND attempt.key = :key LIMIT 1;

-- attempt_is_of: Whether an attempt is a record's, for one request.
SELECT 1 FROM attempt WHERE id = :attempt_id AND key = :key AND record_id = :record_id;

-- key_seen: Whether an attempt's key begins so: hardly ever, and this is in the index, where the whole look-up is a join.
SELECT 1 FROM attempt WHERE key64 = :key64 LIMIT 1;

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

-- recount_record: Count a record's attempts and cost anew from the attempts themselves.
UPDATE record SET attempts = (SELECT count(*) FROM attempt WHERE record_id = :record_id AND state <> 'intent'),
  cost_pico = (SELECT coalesce(sum(cost_pico), 0) FROM attempt WHERE record_id = :record_id AND state <> 'intent')
WHERE id = :record_id;

-- add_reply: Keep what the model sent back.
INSERT INTO reply (attempt_id, ending, finish, served_model, token_probability, text)
VALUES (:attempt_id, :ending, :finish, coalesce(:served_model, ''), :token_probability, :text);

-- last_served: What a provider called a model when it last answered for it.
SELECT served_model FROM attempt WHERE model = :model AND served_model IS NOT NULL ORDER BY id DESC LIMIT 1;

-- attempts_of_record: Every attempt for a record, in order, with its reply.
SELECT attempt.id, attempt.question_id, attempt.model, attempt.sample, attempt.words, attempt.output_cap, attempt.state,
  attempt.ending, attempt.reserved_pico, attempt.cost_pico, attempt.input_tokens, attempt.output_tokens,
  attempt.cached_tokens, attempt.reasoning_tokens, attempt.served_model, attempt.provider_id, attempt.detail,
  attempt.opened_at, attempt.latency_s, attempt.run_id, attempt.key, reply.text, reply.finish
FROM attempt LEFT JOIN reply ON reply.attempt_id = attempt.id
WHERE attempt.record_id = :record_id ORDER BY attempt.id;

-- open_of_owner: Attempts of a process that are still on the wire, with the accounts they are promised from.
SELECT attempt.id, attempt.record_id, attempt.reserved_pico, attempt.period, run.job_id, job.payer
FROM attempt JOIN run ON run.id = attempt.run_id JOIN job ON job.id = run.job_id
WHERE attempt.owner = :owner AND attempt.state = 'intent';

-- add_death: Note that a process died while this record was in flight.
UPDATE record SET deaths = deaths + 1 WHERE id = :record_id;

-- job_attempts: A job's attempts by model, ending, state and step: count, cost, tokens.
SELECT attempt.model, coalesce(attempt.ending, 'on the wire'), attempt.state, question.step, count(*),
  coalesce(sum(attempt.cost_pico), 0), coalesce(sum(attempt.input_tokens), 0), coalesce(sum(attempt.output_tokens), 0)
FROM attempt JOIN question ON question.id = attempt.question_id
WHERE attempt.run_id IN (SELECT id FROM run WHERE job_id = :job_id)
GROUP BY attempt.model, coalesce(attempt.ending, 'on the wire'), attempt.state, question.step ORDER BY 1, 2, 3, 4;

-- job_latencies: How many of a job's answered attempts that went through no batch took how many tenths of a millisecond, in order.
SELECT round(latency_s * 10000), count(*) FROM attempt
WHERE run_id IN (SELECT id FROM run WHERE job_id = :job_id) AND ending = 'ok'
  AND NOT EXISTS (SELECT 1 FROM batch_call WHERE batch_call.attempt_id = attempt.id) GROUP BY 1 ORDER BY 1;

-- job_grounds: Why records of a job are not accepted, commonest first; what is said of a place in the input, up to the first colon, makes no other reason.
SELECT record.outcome, coalesce(min(record.reason), ''), count(*) FROM line JOIN record ON record.id = line.record_id
WHERE line.job_id = :job_id AND record.outcome IN ('rejected', 'failed', 'waiting')
GROUP BY record.outcome,
  CASE WHEN record.outcome = 'rejected' THEN substr(record.reason, instr(record.reason, ': ')) ELSE record.reason END
ORDER BY 3 DESC LIMIT :count;

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
INSERT INTO review (record_id, step, subject, kind, grounds, suggestion, confidence, opened_at, audit_id, reader, about)
VALUES (:record_id, :step, :subject, :kind, :grounds, :suggestion, :confidence, :now, :audit_id, :reader, :about)
ON CONFLICT (record_id, step, subject, audit_id, reader) DO UPDATE SET grounds = excluded.grounds,
  suggestion = excluded.suggestion, confidence = excluded.confidence WHERE review.ruling IS NULL;

-- drop_review: A record no longer waits for a person who has not spoken; who audits it is asked all the same.
DELETE FROM review
WHERE record_id = :record_id AND step = :step AND subject = :subject AND ruling IS NULL AND audit_id = 0;

-- ruling: What a person decided about a step of a record; of an audit, what stands by its rulings; of two answers, the one that took the result's place.
SELECT review.id, review.ruling, review.correction, review.suggestion, review.ruled_by, review.note, review.kind
FROM review LEFT JOIN audit ON audit.id = review.audit_id
WHERE review.record_id = :record_id AND review.step = :step AND review.ruling IS NOT NULL
  AND (review.subject = :subject OR (review.about = :subject AND review.correction IS NOT NULL))
  AND (review.audit_id = 0 OR (review.ruling = 'right') = (audit.state = 'right'))
ORDER BY review.ruled_at DESC, review.id DESC LIMIT 1;

-- undecided: How many questions of a record wait for a person, audits apart, and how many a person has ruled on.
SELECT coalesce(sum(CASE WHEN ruling IS NULL THEN 1 ELSE 0 END), 0), count(ruling) FROM review
WHERE record_id = :record_id AND audit_id = 0;

-- rulings: How many rulings a record has; most have none.
SELECT count(*) FROM review WHERE record_id = :record_id AND ruling IS NOT NULL;

-- reviews_of_record: Everything a person was asked about a record.
SELECT id, step, kind, grounds, suggestion, confidence, opened_at, ruling, correction, note, ruled_by, ruled_at
FROM review WHERE record_id = :record_id ORDER BY id;

-- queue: Open questions to a person, oldest first; nobody is asked twice about one audit.
SELECT review.id, review.record_id, record.key, review.step, review.kind, review.grounds, review.suggestion,
  review.confidence, record.body, job.entry, job.id, record.pieces
FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app AND review.ruling IS NULL AND review.id > :after AND (review.audit_id = 0
  OR NOT EXISTS (SELECT 1 FROM review AS other WHERE other.record_id = review.record_id
    AND other.audit_id = review.audit_id
    AND (other.ruled_by = :reader OR (other.ruling IS NULL AND other.reader < review.reader))))
ORDER BY review.id LIMIT :count;

-- queue_length: How many open questions to a person an app has.
SELECT count(*) FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app AND review.ruling IS NULL;

-- rule: A person decides; nobody rules twice on one audit.
UPDATE review SET ruling = :ruling, correction = :correction, note = :note, ruled_by = :ruled_by, ruled_at = :now,
  stood = :stood
WHERE id = :review_id AND ruling IS NULL AND (audit_id = 0 OR NOT EXISTS (SELECT 1 FROM review AS other
  WHERE other.record_id = review.record_id AND other.audit_id = review.audit_id AND other.ruled_by = :ruled_by));

-- unrule: A person's ruling is taken back; no row where it stands no more.
UPDATE review SET ruling = NULL, correction = NULL, note = NULL, ruled_by = NULL, ruled_at = NULL, stood = NULL
WHERE id = :review_id AND ruled_by = :ruled_by;

-- last_ruling: The newest ruling of a person in an app.
SELECT review.id FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app AND review.ruled_by = :ruled_by AND review.ruling IS NOT NULL
ORDER BY review.ruled_at DESC, review.id DESC LIMIT 1;

-- readings_of_audit: What each reader of an audit was asked and decided, in order.
SELECT id, reader, ruling, correction, suggestion, ruled_by, note, stood, grounds, subject, ruled_at FROM review
WHERE record_id = :record_id AND audit_id = :audit_id ORDER BY reader;

-- pairs_of_readers: What two readers said of the same audits, by step and counted, over all jobs of an app.
SELECT one.step, one.ruling, two.ruling, count(*) FROM review AS one
JOIN review AS two ON two.record_id = one.record_id AND two.audit_id = one.audit_id AND two.reader = 1
JOIN record ON record.id = one.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app AND one.kind = 'audit' AND one.reader = 0 AND one.ruling IS NOT NULL AND two.ruling IS NOT NULL
GROUP BY one.step, one.ruling, two.ruling ORDER BY one.step;

-- drop_reading: Nobody needs to settle an audit any more.
DELETE FROM review WHERE record_id = :record_id AND audit_id = :audit_id AND reader = :reader AND ruling IS NULL;

-- review: One question to a person, with the record and job it belongs to.
SELECT review.record_id, review.step, review.suggestion, record.key, job.app, job.entry, review.kind, review.audit_id,
  review.subject, review.stood, review.about
FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id WHERE review.id = :review_id;

-- put_label: The right answer, or right or wrong, for one record; the newest one stands. Without a record: of the app's own.
INSERT INTO label (app, entry, key, namespace, label, correct, judged, source, at, ruled, under)
VALUES (:app, :entry, :key, coalesce((SELECT job.namespace FROM record JOIN job ON job.id = record.job_id WHERE record.id = :record_id), ''),
  :label, :correct, :judged, :source, :now, :ruled, :under)
ON CONFLICT (app, entry, key, namespace) DO UPDATE SET label = excluded.label, correct = excluded.correct,
  judged = excluded.judged, source = excluded.source, at = excluded.at, ruled = excluded.ruled, under = excluded.under;

-- label: The label of one record.
SELECT label, correct, source, at, judged FROM label WHERE app = :app AND entry = :entry AND key = :key
  AND namespace = (SELECT job.namespace FROM record JOIN job ON job.id = record.job_id WHERE record.id = :record_id);

-- label_under: Whether a record's label came of a ruling, and what it took the place of.
SELECT ruled, under FROM label WHERE app = :app AND entry = :entry AND key = :key
  AND namespace = (SELECT job.namespace FROM record JOIN job ON job.id = record.job_id WHERE record.id = :record_id);

-- drop_label: Take a label back that came of a ruling and took no other one's place.
DELETE FROM label WHERE app = :app AND entry = :entry AND key = :key AND source = :source AND ruled = 1 AND under IS NULL
  AND namespace = (SELECT job.namespace FROM record JOIN job ON job.id = record.job_id WHERE record.id = :record_id);

-- restore_label: The same where it took the place of another one, which is there again.
UPDATE label SET label = :label, correct = :correct, judged = :judged, source = :before, at = :at, ruled = 0, under = NULL
WHERE app = :app AND entry = :entry AND key = :key AND source = :source AND ruled = 1 AND under IS NOT NULL
  AND namespace = (SELECT job.namespace FROM record JOIN job ON job.id = record.job_id WHERE record.id = :record_id);

-- labels: How many labels an app has.
SELECT count(*) FROM label WHERE app = :app;

-- labelled: Accepted answers beside their labels.
SELECT line.number, record.value, label.label, label.correct, label.judged FROM line
JOIN record ON record.id = line.record_id JOIN job ON job.id = line.job_id
JOIN label ON label.app = job.app AND label.entry = job.entry AND label.key = record.key
  AND label.namespace = job.namespace
WHERE line.job_id = :job_id AND line.kind = 'first' AND record.outcome = 'accepted' AND line.number > :after
  AND (label.correct IS NOT NULL OR (record.value IS NOT NULL AND label.label IS NOT NULL))
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

-- app_accounts_against_attempts: Every app's account beside the sum of its attempts in that period.
SELECT budget.scope, budget.spent_pico, budget.reserved_pico, coalesce(sums.spent, 0), coalesce(sums.reserved, 0)
FROM budget LEFT JOIN (
  SELECT 'app:' || job.payer || ':' || attempt.period AS scope,
    sum(CASE WHEN attempt.state <> 'intent' THEN attempt.cost_pico ELSE 0 END) AS spent,
    sum(CASE WHEN attempt.state = 'intent' THEN attempt.reserved_pico ELSE 0 END) AS reserved
  FROM attempt JOIN run ON run.id = attempt.run_id JOIN job ON job.id = run.job_id
  GROUP BY job.payer, attempt.period
) AS sums ON sums.scope = budget.scope
WHERE budget.scope LIKE 'app:%';

-- records_against_attempts: Records whose own count or cost differs from their attempts'; one in work may lag behind.
SELECT record.key, record.attempts, record.cost_pico, coalesce(sums.number, 0), coalesce(sums.cost, 0)
FROM record LEFT JOIN (
  SELECT record_id, count(*) AS number, sum(cost_pico) AS cost FROM attempt WHERE state <> 'intent' GROUP BY record_id
) AS sums ON sums.record_id = record.id
WHERE record.outcome <> 'pending'
  AND (record.attempts <> coalesce(sums.number, 0) OR record.cost_pico <> coalesce(sums.cost, 0))
ORDER BY record.id LIMIT :count;

-- replies_without_attempts: Replies that no attempt bought.
SELECT reply.attempt_id FROM reply LEFT JOIN attempt ON attempt.id = reply.attempt_id
WHERE attempt.id IS NULL ORDER BY reply.attempt_id LIMIT :count;

-- attempts_without_records: Attempts that were made for no record.
SELECT attempt.id FROM attempt LEFT JOIN record ON record.id = attempt.record_id
WHERE record.id IS NULL ORDER BY attempt.id LIMIT :count;

-- lines_without_records: Lines of inputs that lead to no record.
SELECT line.job_id, line.number FROM line LEFT JOIN record ON record.id = line.record_id
WHERE record.id IS NULL ORDER BY line.job_id, line.number LIMIT :count;

-- open_by_owner: Attempts on the wire by the process that sent them.
SELECT owner, count(*), sum(reserved_pico) FROM attempt WHERE state = 'intent' GROUP BY owner ORDER BY owner;

-- runs_under_way: Runs of an app and its candidates that have not ended, with the process and the job of each.
SELECT run.id, run.owner, job.id, job.name, job.entry FROM run JOIN job ON job.id = run.job_id
WHERE job.payer = :app AND run.ended_at IS NULL ORDER BY run.id;

-- cancel_run: Ask a run to stop.
UPDATE run SET cancelled_at = :now, cancelled_by = :cancelled_by
WHERE id = :run_id AND ended_at IS NULL AND cancelled_at IS NULL;

-- cancelled: Who asked a run to stop; no row where nobody did.
SELECT cancelled_by FROM run WHERE id = :run_id AND cancelled_at IS NOT NULL;

-- outlived: A page of ended records with contents that nothing changed and no run of their job saw since a moment.
SELECT record.id FROM record JOIN job ON job.id = record.job_id
  JOIN (SELECT job_id, max(started_at) AS at FROM run GROUP BY job_id) AS newest ON newest.job_id = job.id
WHERE job.payer = :app AND record.id > :after AND record.outcome IN ('accepted', 'rejected', 'failed')
  AND record.updated_at < :before AND NOT EXISTS (SELECT 1 FROM run JOIN lease ON lease.owner = run.owner
    WHERE run.job_id = record.job_id AND run.ended_at IS NULL AND lease.ended_at IS NULL)
  AND (record.body IS NOT NULL OR record.raw IS NOT NULL OR record.value IS NOT NULL)
  AND (newest.at < :before OR job.name = :direct OR NOT EXISTS (SELECT 1 FROM line
    WHERE line.job_id = record.job_id AND line.number = record.line AND line.record_id = record.id))
ORDER BY record.id LIMIT :count;

-- contents_of: How many replies a record has and how many characters or bytes its contents are.
SELECT count(reply.attempt_id), coalesce(sum(length(reply.text)), 0) + coalesce(max(length(record.body)), 0)
  + coalesce(max(length(record.raw)), 0) + coalesce(max(length(record.value)), 0)
FROM record LEFT JOIN attempt ON attempt.record_id = record.id LEFT JOIN reply ON reply.attempt_id = attempt.id
WHERE record.id = :record_id;

-- conflicts_of_key: Rejected lines of an app that used a key a second time, for another body.
SELECT record.id, record.key, record.line, job.namespace FROM record JOIN job ON job.id = record.job_id
WHERE job.app = :app AND record.outcome = 'rejected' AND record.body IS NULL AND record.key LIKE :pattern ESCAPE '!'
ORDER BY record.id;

-- place_of_record: What must be known of a record before it is forgotten.
SELECT record.job_id, job.app, job.entry, record.key, record.outcome, record.seen_run
FROM record JOIN job ON job.id = record.job_id WHERE record.id = :record_id;

-- open_of_record: How many attempts for a record are on the wire.
SELECT count(*) FROM attempt WHERE record_id = :record_id AND state = 'intent';

-- erase_record: Remove what a record holds; its fate and its accounts stay.
UPDATE record SET body = NULL, raw = NULL, cleanings = NULL, value = NULL, pieces = 0, reason = :reason WHERE id = :record_id;

-- erase_identity: Remove what a record is recognized by; one that was not done is so now.
UPDATE record SET key = :key, body_hash = :body_hash, waiting_for = NULL, stale_run = NULL,
  outcome = CASE WHEN outcome IN ('accepted', 'failed') THEN outcome ELSE 'rejected' END
WHERE id = :record_id;

-- erase_questions: Remove the words of a record's questions, and what finds them again.
UPDATE question SET body = '[]', fixed = :fixed WHERE record_id = :record_id;

-- erase_replies: Remove the replies to a record's questions.
DELETE FROM reply WHERE attempt_id IN (SELECT id FROM attempt WHERE record_id = :record_id);

-- erase_attempt_words: Remove what attempts say about a record's contents; their money stays.
UPDATE attempt SET words = NULL, detail = NULL WHERE record_id = :record_id;

-- drop_open_reviews: Nobody is asked about a record any more.
DELETE FROM review WHERE record_id = :record_id AND ruling IS NULL;

-- erase_review: Remove what a person saw and wrote; who ruled what stays.
UPDATE review SET subject = :subject, grounds = '', suggestion = NULL, correction = NULL, note = NULL, stood = NULL
WHERE id = :review_id;

-- erase_events: Remove what was noted about a record.
UPDATE event SET data = '' WHERE record_id = :record_id;

-- erase_onces: Remove results of functions that ran once; they would run again with the same idempotency key.
UPDATE once SET value = NULL, done = 0 WHERE record_id = :record_id;

-- drop_onces: Remove that functions ran once for a record.
DELETE FROM once WHERE record_id = :record_id;

-- erase_label: Remove a right answer once no record of its key has contents any more.
UPDATE label SET label = NULL, judged = NULL, under = NULL WHERE app = :app AND entry = :entry AND key = :key AND NOT EXISTS (
  SELECT 1 FROM record JOIN job ON job.id = record.job_id WHERE job.app = :app AND job.entry = :entry
    AND job.namespace = label.namespace AND record.key = :key AND record.body IS NOT NULL);

-- drop_labels: Remove the labels of a key in a record's namespace.
DELETE FROM label WHERE app = :app AND key = :key
  AND namespace = (SELECT job.namespace FROM record JOIN job ON job.id = record.job_id WHERE record.id = :record_id);

-- question_versions: The versions of a record's questions, with their words.
SELECT DISTINCT step, version, body FROM question WHERE record_id = :record_id;

-- question_of_another: The words of another record's question of the same version.
SELECT body FROM question WHERE step = :step AND version = :version AND record_id <> :record_id AND body <> '[]'
ORDER BY id LIMIT 1;

-- put_version_spec: Replace the text behind a step's version.
UPDATE app_version SET spec = :spec WHERE app = :app AND step = :step AND version = :version;

-- export_records: A page of an app's records, every version in every job.
SELECT record.id, job.entry, job.name, record.key, record.version, record.line, record.outcome, record.waiting_for,
  record.reason, record.body, record.cleanings, record.value, record.confidence, record.certified, record.model, record.mended,
  record.attempts, record.cost_pico, record.updated_at, record.pieces
FROM record JOIN job ON job.id = record.job_id
WHERE job.app = :app AND (:job_id = 0 OR job.id = :job_id) AND record.id > :after ORDER BY record.id LIMIT :count;

-- export_attempts: A page of the attempts that an app pays for, its candidates' included, with their replies.
SELECT attempt.id, attempt.run_id, job.name, record.key, record.version, question.step, attempt.model,
  attempt.served_model, attempt.sample, attempt.state, attempt.ending, attempt.reserved_pico, attempt.cost_pico,
  attempt.input_tokens, attempt.output_tokens, attempt.cached_tokens, attempt.reasoning_tokens, attempt.opened_at,
  attempt.latency_s, attempt.provider_id, attempt.detail, reply.finish, reply.text
FROM attempt JOIN run ON run.id = attempt.run_id JOIN job ON job.id = run.job_id
  LEFT JOIN record ON record.id = attempt.record_id LEFT JOIN question ON question.id = attempt.question_id
  LEFT JOIN reply ON reply.attempt_id = attempt.id
WHERE job.payer = :app AND (:job_id = 0 OR job.id = :job_id) AND attempt.id > :after ORDER BY attempt.id LIMIT :count;

-- export_reviews: A page of what people were asked about an app's records and what they decided.
SELECT review.id, job.name, record.key, record.version, review.step, review.kind, review.grounds, review.suggestion,
  review.confidence, review.opened_at, review.ruling, review.correction, review.note, review.ruled_by, review.ruled_at
FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app AND (:job_id = 0 OR job.id = :job_id) AND review.id > :after ORDER BY review.id LIMIT :count;

-- export_labels: A page of an app's labels.
SELECT id, entry, key, label, correct, source, at FROM label
WHERE app = :app AND :job_id = 0 AND id > :after ORDER BY id LIMIT :count;

-- judged_labels: A page of an app's labels with the answers that they are about.
SELECT id, key, label, correct, judged FROM label WHERE app = :app AND id > :after ORDER BY id LIMIT :count;

-- export_runs: A page of the runs that an app pays for, its candidates' included.
SELECT run.id, job.entry, job.name, run.started_at, run.ended_at, run.status, run.summary, run.cancelled_at,
  run.cancelled_by
FROM run JOIN job ON job.id = run.job_id
WHERE job.payer = :app AND (:job_id = 0 OR job.id = :job_id) AND run.id > :after ORDER BY run.id LIMIT :count;

-- secret: What only this ledger knows.
SELECT value FROM secret WHERE name = :name;

-- add_secret: Make a secret, unless there is one.
INSERT INTO secret (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING;

-- epochs: Every epoch of a step, in the order they were opened.
SELECT id, step, policy, state, served, share, life FROM epoch WHERE app = :app AND step = :step ORDER BY id;

-- epoch_of_opening: An epoch by what it was opened with.
SELECT id FROM epoch WHERE app = :app AND step = :step AND opening = :opening;

-- add_epoch: Open an epoch.
INSERT INTO epoch (app, step, policy, state, served, opening, share, life, opened_at)
VALUES (:app, :step, :policy, :state, :served, :opening, :share, :life, :now)
ON CONFLICT (app, step, opening) DO NOTHING;

-- name_epoch: Note what else a model is called in an epoch; no row where another process noted something since it was read.
UPDATE epoch SET served = :served WHERE id = :epoch_id AND served = :before;

-- add_audit: Note an accepted answer with its coin; what was drawn before stands.
INSERT INTO audit (record_id, epoch_id, item, share, state) VALUES (:record_id, :epoch_id, :item, :share, :state)
ON CONFLICT (record_id, item) DO NOTHING;

-- audit_of_item: The audit of one answer.
SELECT id, state FROM audit WHERE record_id = :record_id AND item = :item;

-- job_doubts: How many records of a job a person was asked about because nobody was sure of them.
SELECT count(DISTINCT review.record_id) FROM review JOIN record ON record.id = review.record_id
WHERE record.job_id = :job_id AND review.kind = 'doubt';

-- audits_of_record: The audits of a record's answers, newest first.
SELECT audit.id, epoch.step, audit.epoch_id, audit.share, audit.state FROM audit JOIN epoch ON epoch.id = audit.epoch_id
WHERE audit.record_id = :record_id ORDER BY audit.id DESC;

-- set_audit: What the rulings on an audit come to.
UPDATE audit SET state = :state WHERE id = :audit_id;

-- hold_audit: Let nobody else rule on an audit until this transaction ends.
UPDATE audit SET state = state WHERE id = :audit_id;

-- audit_counts: A step's audits counted by epoch, share and state.
SELECT audit.epoch_id, epoch.life, epoch.share, audit.share, audit.state, count(*), max(audit.id)
FROM audit JOIN epoch ON epoch.id = audit.epoch_id WHERE epoch.app = :app AND epoch.step = :step
GROUP BY audit.epoch_id, epoch.life, epoch.share, audit.share, audit.state ORDER BY audit.epoch_id;

-- stamp_certified: Mark accepted records as covered by the certificate of an epoch.
UPDATE record SET certified = 1 WHERE certified = 0 AND outcome = 'accepted'
  AND id IN (SELECT record_id FROM audit WHERE epoch_id = :epoch_id);

-- stamp_uncertified: Mark records whose newest answer of a step is of an epoch without a certificate.
UPDATE record SET certified = 0 WHERE certified = 1 AND id IN (SELECT audit.record_id FROM audit
  JOIN epoch ON epoch.id = audit.epoch_id WHERE audit.epoch_id = :epoch_id AND NOT EXISTS (SELECT 1 FROM audit AS later
    JOIN epoch AS other ON other.id = later.epoch_id
    WHERE later.record_id = audit.record_id AND later.id > audit.id AND other.step = epoch.step));

-- put_back_record: Put a record back, so that it is run again from the top.
UPDATE record SET outcome = 'pending', waiting_for = NULL, reason = NULL, value = NULL, owner = NULL, stale_run = -1,
  updated_at = :now
WHERE id = :record_id AND outcome IN ('accepted', 'waiting', 'failed');

-- forget_audits: Remove what an audit recognizes an answer by.
UPDATE audit SET item = 'forgotten ' || id WHERE record_id = :record_id;

-- add_state: Advance an app's state; nothing where another process took the number first.
INSERT INTO state (app, number, origin, why, content, at) VALUES (:app, :number, :origin, :why, :content, :now)
ON CONFLICT (app, number) DO NOTHING;

-- newest_state: The number of an app's newest state.
SELECT max(number) FROM state WHERE app = :app;

-- state: One state of an app.
SELECT number, origin, why, content, at FROM state WHERE app = :app AND number = :number;

-- states: Every state of an app, newest first.
SELECT number, origin, why, content, at FROM state WHERE app = :app ORDER BY number DESC LIMIT :count;

-- add_proof: Note one use of delta; nothing where another process took the number first.
INSERT INTO proof (app, step, number, subject, delta, found, at)
VALUES (:app, :step, :number, :subject, :delta, :found, :now) ON CONFLICT (app, step, number) DO NOTHING;

-- proofs: Every use of delta for a step, newest first.
SELECT number, subject, delta, found, at FROM proof WHERE app = :app AND step = :step ORDER BY number DESC;

-- labelled_records: A page of an entry's labels, each with the newest record of its key that still has contents.
SELECT label.id, label.key, label.label, label.correct, label.judged, label.source,
  (SELECT max(record.id) FROM record JOIN job ON job.id = record.job_id
   WHERE job.app = label.app AND job.entry = label.entry AND job.namespace = label.namespace
     AND record.key = label.key AND record.body IS NOT NULL)
FROM label WHERE label.app = :app AND label.entry = :entry AND label.id > :after ORDER BY label.id LIMIT :count;

-- add_corpus: Make the index of one declaration; (app, name) is its identity.
INSERT INTO corpus (app, name) VALUES (:app, :name) ON CONFLICT (app, name) DO NOTHING;

-- corpus: Find an index by its identity.
SELECT id FROM corpus WHERE app = :app AND name = :name;

-- corpus_documents: Which documents an index holds, and what they were when they were read.
SELECT key, sha256 FROM document WHERE corpus_id = :corpus_id;

-- corpus_size: How many passages an index holds, and the newest of them.
SELECT count(*), coalesce(max(id), 0) FROM passage WHERE corpus_id = :corpus_id;

-- document_id: Find a document of an index, and what it was when it was read.
SELECT id, sha256 FROM document WHERE corpus_id = :corpus_id AND key = :key;

-- add_document: Note that a document is indexed.
INSERT INTO document (corpus_id, key, sha256) VALUES (:corpus_id, :key, :sha256);

-- drop_document: Forget a document.
DELETE FROM document WHERE id = :document_id;

-- drop_passages: Remove the passages of a document.
DELETE FROM passage WHERE document_id = :document_id;

-- add_passage: Index a passage.
INSERT INTO passage (corpus_id, document_id, number, first, after, page, heading, text, vector)
VALUES (:corpus_id, :document_id, :number, :first, :after, :page, :heading, :text, :vector);

-- passage: A passage with the name of its document.
SELECT document.key, passage.number, passage.first, passage.after, passage.page, passage.heading, passage.text
FROM passage JOIN document ON document.id = passage.document_id WHERE passage.id = :passage_id;

-- passage_vectors: The vectors of an index, in order, some at a time.
SELECT id, vector FROM passage WHERE corpus_id = :corpus_id AND id > :after ORDER BY id LIMIT :most;

-- documents_unlike: Documents of an index that another index does not hold as they are, some at a time.
SELECT document.id, document.key FROM document
LEFT JOIN document AS other
  ON other.corpus_id = :other_id AND other.key = document.key AND other.sha256 = document.sha256
WHERE document.corpus_id = :corpus_id AND document.id > :after AND other.id IS NULL ORDER BY document.id LIMIT :most;

-- document_vectors: What a document of an index says, with its vectors.
SELECT passage.heading, passage.text, passage.vector FROM passage JOIN document ON document.id = passage.document_id
WHERE document.corpus_id = :corpus_id AND document.key = :key;

-- passages_with_words: How many passages of all indexes hold a word.
SELECT count(*) FROM passage_words WHERE passage_words MATCH :words;

-- passages_in_all: How many passages all indexes hold.
SELECT count(*) FROM passage;

-- passages_by_words: The passages that share words with a query, best first by Okapi BM25.
SELECT passage.id FROM passage_words JOIN passage ON passage.id = passage_words.rowid
WHERE passage_words MATCH :words AND passage.corpus_id = :corpus_id ORDER BY bm25(passage_words), passage.id LIMIT :most;

-- add_reading: Keep a stretch of answers, counted.
INSERT INTO reading (app, step, version, began_at, ended_at, answers, accepted, counts, served)
VALUES (:app, :step, :version, :began_at, :now, :answers, :accepted, :counts, :served);

-- readings: The newest readings of a step that began after a moment, newest first.
SELECT id, version, began_at, ended_at, answers, accepted, counts, served FROM reading
WHERE app = :app AND step = :step AND began_at >= :since ORDER BY id DESC LIMIT :count;

-- read_steps: The steps of an app that there are readings of.
SELECT DISTINCT step FROM reading WHERE app = :app;

-- add_alarm: Raise a warning or an alarm, unless it stands already.
INSERT INTO alarm (app, step, kind, what, words, raised_at) VALUES (:app, :step, :kind, :what, :words, :now)
ON CONFLICT DO NOTHING;

-- standing_alarms: What was raised and not cleared, oldest first.
SELECT id, step, kind, what, words, raised_at FROM alarm WHERE app = :app AND cleared_at IS NULL ORDER BY id;

-- clear_alarms: A person clears everything that stands of a step.
UPDATE alarm SET cleared_at = :now, cleared_by = :cleared_by, note = :note
WHERE app = :app AND step = :step AND cleared_at IS NULL;

-- last_cleared: When something of a step was last cleared.
SELECT max(cleared_at) FROM alarm WHERE app = :app AND step = :step;

-- rulings_of_step: What the rulings on a step's audits came to after a moment, in the order they were given.
SELECT audit.state, max(review.ruled_at) FROM audit JOIN epoch ON epoch.id = audit.epoch_id
JOIN review ON review.record_id = audit.record_id AND review.audit_id = audit.id
WHERE epoch.app = :app AND epoch.step = :step AND audit.state IN ('right', 'wrong', 'disputed')
GROUP BY audit.id, audit.state HAVING max(review.ruled_at) > :since ORDER BY max(review.ruled_at), audit.id;

-- add_example: Note that a question shows a record as an example.
INSERT INTO example (record_id, question_id) VALUES (:record_id, :question_id)
ON CONFLICT (record_id, question_id) DO NOTHING;

-- questions_with_example: The questions that show a record as an example.
SELECT question.id, question.body FROM example JOIN question ON question.id = example.question_id
WHERE example.record_id = :record_id;

-- put_question_body: Rewrite a question without what was forgotten.
UPDATE question SET body = :body WHERE id = :question_id;

-- drop_example: A record is no longer shown as an example.
DELETE FROM example WHERE record_id = :record_id;

-- add_student: Keep a trained student; the same one again is there already.
INSERT INTO student (app, step, version, file, trained, at) VALUES (:app, :step, :version, :file, :trained, :now)
ON CONFLICT (app, step, version) DO NOTHING;

-- student_of_version: A student by its version.
SELECT id, version, file, trained FROM student WHERE app = :app AND step = :step AND version = :version;

-- student: A student by its number.
SELECT id, version, file, trained FROM student WHERE id = :student_id;

-- newest_student: A step's newest student.
SELECT id, version, file, trained FROM student WHERE app = :app AND step = :step ORDER BY id DESC LIMIT 1;

-- accepted_records: A page of a step's accepted records that still have contents, but for a student's own answers.
SELECT record.id FROM record JOIN job ON job.id = record.job_id
WHERE job.app = :app AND job.entry = :entry AND record.outcome = 'accepted' AND record.body IS NOT NULL
  AND record.value IS NOT NULL AND coalesce(substr(record.model, 1, 8), '') <> 'student:' AND record.id > :after
ORDER BY record.id LIMIT :count;

-- migration_table: Where the numbers of the migrations that are done are listed.
CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY);

-- migration_table_there: Whether there is such a list.
SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration';

-- migrations_done: The numbers of the migrations that are done.
SELECT number FROM migration;

-- ruled_within: A page of the records in whose workflow a person ruled on an answer of this step.
SELECT DISTINCT review.record_id, job.entry FROM review JOIN record ON record.id = review.record_id
  JOIN job ON job.id = record.job_id
WHERE job.app = :app AND review.step = :step AND job.entry <> :step AND review.ruling IS NOT NULL
  AND review.kind IN ('doubt', 'audit') AND record.body IS NOT NULL AND review.record_id > :after
ORDER BY review.record_id LIMIT :count;

-- ruling_within: What stands of the rulings on one answer of a step, with the share that its audit was drawn with.
SELECT review.ruling, review.correction, review.suggestion, review.kind, coalesce(audit.share, 1.0)
FROM review LEFT JOIN audit ON audit.id = review.audit_id
WHERE review.record_id = :record_id AND review.step = :step AND review.subject = :subject AND review.ruling IS NOT NULL
  AND review.kind IN ('doubt', 'audit')
  AND (review.audit_id = 0 OR (review.ruling = 'right') = (audit.state = 'right'))
ORDER BY review.ruled_at DESC, review.id DESC LIMIT 1;

-- corrected_within: What a person put in the place of a step's answer inside a workflow, newest first.
SELECT review.correction FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id
WHERE review.record_id = :record_id AND review.step = :step AND job.entry <> :step AND review.ruling = 'wrong'
  AND review.kind IN ('doubt', 'audit') AND review.correction IS NOT NULL
ORDER BY review.ruled_at DESC, review.id DESC;

-- questions_of_step: What a step was asked about a record.
SELECT id, body, version, fixed FROM question WHERE record_id = :record_id AND step = :step ORDER BY id;
