-- What the ledger holds of records that come again: looked up for many of them at once, or for one in one statement.

-- newest_among: The newest versions of some keys of a job, a JSON list, the newest last; whether each has contents, and no body.
SELECT body IS NOT NULL, id, job_id, key, version, line, NULL, body_hash, outcome, waiting_for, reason, value, confidence,
  certified, model, mended, attempts, cost_pico, deaths, question_id, stale_run, state, pieces
FROM record WHERE job_id = :job_id AND key IN (SELECT value FROM json_each(:keys)) ORDER BY version;

-- lines_between: Which records some lines of the input are.
SELECT number, record_id, kind FROM line WHERE job_id = :job_id AND number BETWEEN :first AND :last;

-- newest_whole: The newest version of a key, whole, and whether a person has ruled on it.
SELECT EXISTS (SELECT 1 FROM review WHERE review.record_id = record.id AND review.ruling IS NOT NULL),
  id, job_id, key, version, line, body, body_hash, outcome, waiting_for, reason, value, confidence, certified, model,
  mended, attempts, cost_pico, deaths, question_id, stale_run, state, pieces
FROM record WHERE job_id = :job_id AND key = :key ORDER BY version DESC LIMIT 1;

-- ruled_among: Which of some records, a JSON list of their numbers, a person has ruled on.
SELECT DISTINCT record_id FROM review WHERE record_id IN (SELECT value FROM json_each(:ids)) AND ruling IS NOT NULL;

-- questions_among: The questions that are pinned for some records, as `question` says them, the newest last.
SELECT record_id, step, fixed, id, version, body, sample, refreshed FROM question
WHERE record_id IN (SELECT value FROM json_each(:ids)) ORDER BY id;

-- replies_among: The replies that some records bought, each with its request's key.
SELECT attempt.key, attempt.id, attempt.model, reply.ending, reply.text, reply.finish, reply.served_model,
  reply.token_probability
FROM attempt JOIN reply ON reply.attempt_id = attempt.id WHERE attempt.record_id IN (SELECT value FROM json_each(:ids));
