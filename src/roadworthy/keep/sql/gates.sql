-- gates: The gates of an app, or of one step of it, newest first.
SELECT id, step, old, new, judged, margin, number, delta, ruling, figures, applied, opened_at FROM gate
WHERE app = :app AND (:step = '' OR step = :step) ORDER BY id DESC;

-- gates_against: The highest number of a candidate against one version of a step.
SELECT max(number) FROM gate WHERE app = :app AND step = :step AND old = :old;

-- add_gate: Open a gate; nothing where another process opened it or took its number first.
INSERT INTO gate (app, step, old, new, judged, margin, number, delta, ruling, opened_at)
VALUES (:app, :step, :old, :new, :judged, :margin, :number, :delta, :ruling, :now) ON CONFLICT DO NOTHING;

-- decide_gate: Write how a gate ended; the first ruling stands.
UPDATE gate SET ruling = :ruling, figures = :figures, decided_at = :now WHERE id = :gate_id AND ruling = 'go on';

-- apply_gate: Note the state that made a candidate the one that runs.
UPDATE gate SET applied = :state WHERE id = :gate_id;

-- answered_records: A page of an entry's records, but no tenant's, that its models answered or gave up on, with contents.
SELECT record.id, record.key FROM record JOIN job ON job.id = record.job_id
WHERE job.app = :app AND job.entry = :entry AND job.namespace = '' AND record.id > :after AND record.body IS NOT NULL
  AND (record.outcome IN ('accepted', 'failed') OR (record.outcome = 'waiting' AND record.waiting_for = 'review'))
ORDER BY record.id LIMIT :count;

-- record_with_body: The first record of a key and a body in an entry's jobs that still has contents.
SELECT min(record.id) FROM record JOIN job ON job.id = record.job_id
WHERE job.app = :app AND job.entry = :entry AND job.namespace = '' AND record.key = :key
  AND record.body_hash = :body_hash AND record.body IS NOT NULL;

-- ruling_on_pair: What a person decided about two answers to one record.
SELECT ruling FROM review
WHERE record_id = :record_id AND step = :step AND subject = :subject AND kind = 'gate' AND ruling IS NOT NULL;
