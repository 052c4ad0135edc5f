-- batches: The batches of a job, newest first.
SELECT id, app, step, job_id, number, max_error, delta, sampled, state, figures, opened_at FROM batch
WHERE job_id = :job_id ORDER BY number DESC;

-- batches_of_app: The batches of an app, newest first.
SELECT id, app, step, job_id, number, max_error, delta, sampled, state, figures, opened_at FROM batch
WHERE app = :app ORDER BY id DESC LIMIT :count;

-- add_batch: Open a batch; nothing where another process took its number first.
INSERT INTO batch (app, step, job_id, number, max_error, delta, sampled, state, opened_at)
VALUES (:app, :step, :job_id, :number, :max_error, :delta, :sampled, :state, :now) ON CONFLICT (job_id, number) DO NOTHING;

-- add_batch_row: Note one answer of a batch.
INSERT INTO batch_row (batch_id, place, record_id, item, sampled, signals, model)
VALUES (:batch_id, :place, :record_id, :item, :sampled, :signals, :model);

-- batch_rows: Every answer of a batch, in order.
SELECT record_id, item, sampled, signals, model FROM batch_row WHERE batch_id = :batch_id ORDER BY place;

-- batch_answers: A page of a job's answers that a model gave, in input order, with what they are ranked by.
SELECT record.id, record.value, record.confidence, record.attempts, record.mended, record.model, record.body, line.number
FROM line JOIN record ON record.id = line.record_id
WHERE line.job_id = :job_id AND line.kind = 'first' AND line.number > :after AND record.outcome = 'accepted'
  AND record.value IS NOT NULL AND record.body IS NOT NULL AND coalesce(record.model, '') <> 'person'
ORDER BY line.number LIMIT :count;

-- decide_batch: Write how a batch ended; the first ending stands.
UPDATE batch SET state = :state, figures = :figures, decided_at = :now WHERE id = :batch_id AND state = 'open';

-- withdraw_batch: What a batch asked that nobody has ruled on is not asked any more.
DELETE FROM review WHERE kind = 'batch' AND ruling IS NULL
  AND record_id IN (SELECT record_id FROM batch_row WHERE batch_id = :batch_id);

-- open_audit_of: Whether an audit asks people about a record already.
SELECT count(*) FROM review WHERE record_id = :record_id AND step = :step AND kind = 'audit' AND ruling IS NULL;

-- forget_batches: Remove what a batch recognizes an answer by.
UPDATE batch_row SET item = 'forgotten' WHERE record_id = :record_id;
