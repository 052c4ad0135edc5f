-- What the ledger holds of records that come again: looked up for many of them at once, or for one in one statement.

-- numbers_among: The numbers of the records with some keys, a JSON list.
SELECT key, id FROM record WHERE job_id = :job_id AND key IN (SELECT value FROM json_each(:keys));

-- put_lines: Say that lines of the input are the first sight of records that are new, by a JSON list of their keys.
INSERT INTO line (job_id, number, record_id, kind) SELECT job_id, line, id, 'first' FROM record
WHERE job_id = :job_id AND key IN (SELECT value FROM json_each(:keys))
ON CONFLICT (job_id, number) DO UPDATE SET record_id = excluded.record_id, kind = excluded.kind;

-- newest_among: The newest versions of some keys of a job, a JSON list, the newest last; whether each has contents and stands somewhere, as the first of its line, and no body.
SELECT body IS NOT NULL AND outcome <> 'pending' AND EXISTS (SELECT 1 FROM line
    WHERE line.job_id = record.job_id AND line.number = record.line AND line.record_id = record.id AND line.kind = 'first'),
  id, job_id, key, version, line, NULL, body_hash, outcome,
  coalesce(waiting_for, ''), coalesce(reason, ''), value, confidence, certified,
  coalesce(model, ''), coalesce(mended, ''), attempts, cost_pico, deaths,
  coalesce(question_id, 0), coalesce(stale_run, 0), state, pieces
FROM record WHERE job_id = :job_id AND key IN (SELECT value FROM json_each(:keys)) ORDER BY version;

-- newest_held: The newest version of a key, without its body, whether it has one and whether a person has ruled on it; with each of its questions and replies, up to so many.
SELECT record.body IS NOT NULL,
  EXISTS (SELECT 1 FROM review WHERE review.record_id = record.id AND review.ruling IS NOT NULL),
  record.id, record.job_id, record.key, record.version, record.line, NULL, record.body_hash, record.outcome,
  coalesce(record.waiting_for, ''), coalesce(record.reason, ''), record.value, record.confidence, record.certified,
  coalesce(record.model, ''), coalesce(record.mended, ''), record.attempts, record.cost_pico, record.deaths,
  coalesce(record.question_id, 0), coalesce(record.stale_run, 0), record.state, record.pieces,
  question.record_id, question.step, question.fixed, question.id, question.version, question.body, question.sample,
  question.refreshed,
  attempt.key, attempt.id, attempt.model, reply.ending, reply.text, reply.finish, reply.served_model, reply.token_probability
FROM record LEFT JOIN question ON question.record_id = record.id
  LEFT JOIN attempt ON attempt.record_id = record.id AND attempt.question_id = question.id
  LEFT JOIN reply ON reply.attempt_id = attempt.id
WHERE record.id = (SELECT id FROM record AS newest WHERE newest.job_id = :job_id AND newest.key = :key
  ORDER BY newest.version DESC LIMIT 1) LIMIT :most;

-- ruled_among: Which of some records, a JSON list of their numbers, a person has ruled on.
SELECT DISTINCT record_id FROM review WHERE record_id IN (SELECT value FROM json_each(:ids)) AND ruling IS NOT NULL;

-- questions_among: The questions that are pinned for some records, as `question` says them, the newest last.
SELECT record_id, step, fixed, id, version, body, sample, refreshed FROM question
WHERE record_id IN (SELECT value FROM json_each(:ids)) ORDER BY id;

-- replies_among: The replies that some records bought, each with its request's key.
SELECT attempt.key, attempt.id, attempt.model, reply.ending, reply.text, reply.finish, reply.served_model,
  reply.token_probability
FROM attempt JOIN reply ON reply.attempt_id = attempt.id WHERE attempt.record_id IN (SELECT value FROM json_each(:ids));

-- review_put: How a question to a person stands.
SELECT ruling, grounds, suggestion, confidence FROM review WHERE record_id = :record_id AND step = :step
  AND subject = :subject AND audit_id = :audit_id AND reader = :reader;
