-- add_batch_call: Queue a call for the next batch.
INSERT INTO batch_call (attempt_id, batch_id, app, model, step, custom_id, body)
VALUES (:attempt_id, NULL, :app, :model, :step, :custom_id, :body);

-- queued_models: Models of an app with calls that no batch has yet, and how many.
SELECT batch_call.model, count(*) FROM batch_call JOIN attempt ON attempt.id = batch_call.attempt_id
WHERE batch_call.app = :app AND batch_call.batch_id IS NULL AND attempt.state = 'intent'
GROUP BY batch_call.model ORDER BY batch_call.model;

-- queued_calls: The next queued calls of a model, with the size of each, oldest first.
SELECT batch_call.attempt_id, coalesce(length(batch_call.body), 0)
FROM batch_call JOIN attempt ON attempt.id = batch_call.attempt_id
WHERE batch_call.app = :app AND batch_call.model = :model AND batch_call.batch_id IS NULL AND attempt.state = 'intent'
ORDER BY batch_call.attempt_id LIMIT :count;

-- add_batch: Plan a batch.
INSERT INTO batch (tag, app, model, state, calls, owner, planned_at)
VALUES (:tag, :app, :model, 'planned', :calls, :owner, :now);

-- take_calls: Put queued calls into a batch.
UPDATE batch_call SET batch_id = :batch_id
WHERE app = :app AND model = :model AND batch_id IS NULL AND attempt_id BETWEEN :first AND :last
  AND EXISTS (SELECT 1 FROM attempt WHERE attempt.id = batch_call.attempt_id AND attempt.state = 'intent');

-- calls_of_batch: A page of the calls of a batch whose words are still here.
SELECT attempt_id, custom_id, body FROM batch_call
WHERE batch_id = :batch_id AND attempt_id > :after AND body IS NOT NULL ORDER BY attempt_id LIMIT :count;

-- sending_batch: Note that a batch is about to be created; from here on it may exist.
UPDATE batch SET sent_at = :now WHERE id = :batch_id AND state = 'planned';

-- submitted_batch: The provider has the batch under this id.
UPDATE batch SET state = 'submitted', provider_id = :provider_id, submitted_at = :now, detail = :detail
WHERE id = :batch_id AND state = 'planned';

-- drop_words: A batch's words are with the provider.
UPDATE batch_call SET body = NULL WHERE batch_id = :batch_id;

-- drop_call_words: The words of a call that is not sent.
UPDATE batch_call SET body = NULL WHERE attempt_id = :attempt_id;

-- hold_batch: Whether a batch was cancelled; nobody cancels it from now until this transaction ends.
UPDATE batch SET owner = owner WHERE id = :batch_id RETURNING cancelled_at;

-- unplan_calls: Calls of a batch that was never created are queued again.
UPDATE batch_call SET batch_id = NULL WHERE batch_id = :batch_id;

-- drop_batch: A batch that was never created is none.
DELETE FROM batch WHERE id = :batch_id AND state = 'planned';

-- ended_batch: Everything that came of a batch is imported.
UPDATE batch SET state = :state, detail = :detail, ended_at = :now WHERE id = :batch_id AND ended_at IS NULL;

-- claim_batch: See to a batch, unless another living process does.
UPDATE batch SET owner = :owner WHERE id = :batch_id AND ended_at IS NULL AND (owner IS NULL OR owner = :owner
  OR EXISTS (SELECT 1 FROM lease WHERE lease.owner = batch.owner AND lease.ended_at IS NOT NULL));

-- open_batches: Batches of an app that have not ended, oldest first.
SELECT id, tag, app, model, state, provider_id, calls, detail, planned_at, sent_at, submitted_at, cancelled_at
FROM batch WHERE app = :app AND ended_at IS NULL ORDER BY id;

-- batches: Every batch of an app, newest first.
SELECT id, tag, app, model, state, provider_id, calls, detail, planned_at, sent_at, submitted_at, cancelled_at, ended_at
FROM batch WHERE app = :app ORDER BY id DESC LIMIT :count;

-- known_batch: Whether a provider's id is a batch of this ledger.
SELECT id FROM batch WHERE provider_id = :provider_id;

-- has_call: Whether a batch has a call of this id.
SELECT attempt_id FROM batch_call WHERE batch_id = :batch_id AND custom_id = :custom_id;

-- batch_call: A call, with what must be known to settle it.
SELECT attempt.id, attempt.record_id, attempt.reserved_pico, attempt.period, attempt.run_id, attempt.opened_at,
  run.job_id, job.payer, batch_call.step, attempt.model,
  CASE WHEN record.body IS NULL THEN 1 ELSE 0 END
FROM batch_call JOIN attempt ON attempt.id = batch_call.attempt_id JOIN run ON run.id = attempt.run_id
  JOIN job ON job.id = run.job_id JOIN record ON record.id = attempt.record_id
WHERE batch_call.batch_id = :batch_id AND batch_call.custom_id = :custom_id AND attempt.state = 'intent';

-- open_calls: A page of calls of a batch that are not settled.
SELECT batch_call.custom_id FROM batch_call JOIN attempt ON attempt.id = batch_call.attempt_id
WHERE batch_call.batch_id = :batch_id AND attempt.state = 'intent' ORDER BY batch_call.attempt_id LIMIT :count;

-- queued_of_app: A page of calls of an app that no batch has, or whose words were erased.
SELECT attempt.id, attempt.record_id, attempt.reserved_pico, attempt.period, attempt.run_id, attempt.opened_at,
  run.job_id, job.payer, batch_call.step, attempt.model, 0
FROM batch_call JOIN attempt ON attempt.id = batch_call.attempt_id JOIN run ON run.id = attempt.run_id
  JOIN job ON job.id = run.job_id
WHERE batch_call.app = :app AND batch_call.batch_id IS NULL AND attempt.state = 'intent'
  AND (:erased = 0 OR batch_call.body IS NULL) ORDER BY attempt.id LIMIT :count;

-- settled_calls: How many calls of a batch are settled.
SELECT count(*) FROM batch_call JOIN attempt ON attempt.id = batch_call.attempt_id
WHERE batch_call.batch_id = :batch_id AND attempt.state <> 'intent';

-- batch_tries: How the calls of a request that went through batches ended, oldest first.
SELECT attempt.ending, coalesce(attempt.detail, '') FROM attempt JOIN batch_call ON batch_call.attempt_id = attempt.id
WHERE attempt.key64 = :key64 AND attempt.key = :key AND attempt.state <> 'intent' ORDER BY attempt.id;

-- batch_rounds: How many calls of a record have been through batches.
SELECT count(*) FROM attempt JOIN batch_call ON batch_call.attempt_id = attempt.id
WHERE attempt.record_id = :record_id AND attempt.state <> 'intent';

-- release_records: Records of an app with nothing left in a batch go on.
UPDATE record SET outcome = 'pending', waiting_for = NULL, reason = NULL
WHERE outcome = 'waiting' AND waiting_for = 'batch'
  AND job_id IN (SELECT id FROM job WHERE payer = :app)
  AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.record_id = record.id AND attempt.state = 'intent');

-- cancel_batches: Ask the provider to stop the batches of an app.
UPDATE batch SET cancelled_at = :now WHERE app = :app AND ended_at IS NULL AND cancelled_at IS NULL;

-- cancel_batch: Ask the provider to stop one batch.
UPDATE batch SET cancelled_at = :now WHERE id = :batch_id AND cancelled_at IS NULL;

-- set_job_batch: Say whether the calls of a job go through batches.
UPDATE job SET batch = :batch WHERE id = :job_id AND batch <> :batch;

-- job_batch: Whether the calls of a job go through batches.
SELECT batch FROM job WHERE id = :job_id;

-- batch_of_attempt: The batch that an attempt is in.
SELECT batch.id, batch.state, batch.provider_id, batch.submitted_at
FROM batch_call LEFT JOIN batch ON batch.id = batch_call.batch_id WHERE batch_call.attempt_id = :attempt_id;

-- erase_batch_calls: Remove the words of a record's queued calls.
UPDATE batch_call SET body = NULL WHERE attempt_id IN (SELECT id FROM attempt WHERE record_id = :record_id);

-- costs_apart_by_record: What one in :stride records of a job cost by model, directly and in batches, with tokens, and with the time of direct ones.
SELECT attempt.record_id, attempt.model,
  sum(CASE WHEN batch_call.attempt_id IS NULL THEN attempt.cost_pico ELSE 0 END),
  sum(CASE WHEN batch_call.attempt_id IS NULL THEN 0 ELSE attempt.cost_pico END),
  sum(coalesce(attempt.input_tokens, 0)), sum(coalesce(attempt.output_tokens, 0)),
  sum(CASE WHEN batch_call.attempt_id IS NULL THEN coalesce(attempt.latency_s, 0.0) ELSE 0.0 END)
FROM attempt LEFT JOIN batch_call ON batch_call.attempt_id = attempt.id
WHERE attempt.run_id IN (SELECT id FROM run WHERE job_id = :job_id) AND attempt.cost_pico IS NOT NULL
  AND attempt.record_id % 65521 * 48271 % 65521 % :stride = 0
GROUP BY attempt.record_id, attempt.model ORDER BY attempt.record_id;

-- open_in_batches: How many calls of a job are queued for a batch or in one, by the batch.
SELECT batch.id, batch_call.model, batch.state, batch.provider_id, batch.submitted_at, count(*),
  sum(attempt.reserved_pico)
FROM batch_call JOIN attempt ON attempt.id = batch_call.attempt_id JOIN run ON run.id = attempt.run_id
  LEFT JOIN batch ON batch.id = batch_call.batch_id
WHERE run.job_id = :job_id AND attempt.state = 'intent'
GROUP BY batch.id, batch_call.model, batch.state, batch.provider_id, batch.submitted_at
ORDER BY batch.id IS NULL, batch.id, batch_call.model LIMIT :count;
