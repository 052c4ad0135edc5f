-- lots: The lots of a job, newest first.
SELECT id, app, step, job_id, number, max_error, delta, sampled, state, figures, opened_at FROM lot
WHERE job_id = :job_id ORDER BY number DESC;

-- lots_of_app: The lots of an app, newest first.
SELECT id, app, step, job_id, number, max_error, delta, sampled, state, figures, opened_at FROM lot
WHERE app = :app ORDER BY id DESC LIMIT :count;

-- add_lot: Open a lot; nothing where another process took its number first.
INSERT INTO lot (app, step, job_id, number, max_error, delta, sampled, state, opened_at)
VALUES (:app, :step, :job_id, :number, :max_error, :delta, :sampled, :state, :now) ON CONFLICT (job_id, number) DO NOTHING;

-- add_lot_row: Note one answer of a lot.
INSERT INTO lot_row (lot_id, place, record_id, item, sampled, signals, model)
VALUES (:lot_id, :place, :record_id, :item, :sampled, :signals, :model);

-- lot_rows: Every answer of a lot, in order.
SELECT record_id, item, sampled, signals, model FROM lot_row WHERE lot_id = :lot_id ORDER BY place;

-- lot_answers: A page of a job's answers that a model gave, in input order, with what they are ranked by.
SELECT record.id, record.value, record.confidence, record.attempts, record.mended, record.model,
  length(record.body) + coalesce((SELECT sum(length(piece.text)) FROM piece WHERE piece.record_id = record.id), 0),
  line.number
FROM line JOIN record ON record.id = line.record_id
WHERE line.job_id = :job_id AND line.kind = 'first' AND line.number > :after AND record.outcome = 'accepted'
  AND record.value IS NOT NULL AND record.body IS NOT NULL AND coalesce(record.model, '') <> 'person'
ORDER BY line.number LIMIT :count;

-- decide_lot: Write how a lot ended; the first ending stands, until other answers overtake it.
UPDATE lot SET state = :state, figures = :figures, decided_at = :now
WHERE id = :lot_id AND (state = 'open' OR (:state = 'overtaken' AND state <> 'overtaken'));

-- reopen_lots: People say something else of a record's answer: what was certified with it goes on, or is overtaken where a newer lot goes on in its place.
UPDATE lot SET state = CASE WHEN EXISTS (SELECT 1 FROM lot AS later WHERE later.job_id = lot.job_id AND later.number > lot.number)
  THEN 'overtaken' ELSE 'open' END, decided_at = NULL WHERE state IN ('certified', 'exhausted')
  AND id IN (SELECT lot_id FROM lot_row WHERE record_id = :record_id);

-- reopen_lots_of_key: The same for a key that a label is about, unless the label says what the one before it said.
UPDATE lot SET state = CASE WHEN EXISTS (SELECT 1 FROM lot AS later WHERE later.job_id = lot.job_id AND later.number > lot.number)
  THEN 'overtaken' ELSE 'open' END, decided_at = NULL WHERE state IN ('certified', 'exhausted')
  AND id IN (SELECT lot_row.lot_id FROM lot_row JOIN record ON record.id = lot_row.record_id
    JOIN job ON job.id = record.job_id WHERE job.app = :app AND job.entry = :entry AND record.key = :key
      AND job.namespace = coalesce((SELECT of.namespace FROM record AS its JOIN job AS of ON of.id = its.job_id WHERE its.id = :record_id), ''))
  AND NOT EXISTS (SELECT 1 FROM label WHERE label.app = :app AND label.entry = :entry AND label.key = :key
    AND label.namespace = coalesce((SELECT of.namespace FROM record AS its JOIN job AS of ON of.id = its.job_id WHERE its.id = :record_id), '')
    AND coalesce(label.label, '') = coalesce(:label, '') AND coalesce(label.correct, -1) = coalesce(:correct, -1)
    AND coalesce(label.judged, '') = coalesce(:judged, ''));

-- lot_changes: What a lot's answers became, in order, and whether the input still has them; without those that nothing happened to, those that are forgotten, and those that a person ruled on.
SELECT lot_row.item, record.outcome, record.value, seen.record_id FROM lot_row
JOIN record ON record.id = lot_row.record_id
LEFT JOIN (SELECT DISTINCT record_id FROM line WHERE job_id = :job_id AND kind = 'first') AS seen ON seen.record_id = record.id
WHERE lot_row.lot_id = :lot_id AND lot_row.item <> 'forgotten' AND record.body IS NOT NULL
  AND coalesce(record.model, '') <> 'person' AND record.outcome <> 'rejected'
  AND (record.updated_at >= :opened_at OR record.outcome <> 'accepted' OR seen.record_id IS NULL)
ORDER BY lot_row.place;

-- withdraw_lot: What a lot asked that nobody has ruled on is not asked any more.
DELETE FROM review WHERE kind = 'batch' AND ruling IS NULL
  AND record_id IN (SELECT record_id FROM lot_row WHERE lot_id = :lot_id);

-- open_audit_of: Whether an audit asks people about a record already.
SELECT count(*) FROM review WHERE record_id = :record_id AND step = :step AND kind = 'audit' AND ruling IS NULL;

-- forget_lots: Remove what a lot recognizes an answer by.
UPDATE lot_row SET item = 'forgotten' WHERE record_id = :record_id;
