-- numbers_among: The numbers of the records with some keys, a JSON list.
SELECT key, id FROM record
WHERE job_id = :job_id AND key = ANY (ARRAY(SELECT json_array_elements_text(CAST(:keys AS json))));

-- put_lines: Say that lines of the input are the first sight of records that are new, by a JSON list of their keys.
INSERT INTO line (job_id, number, record_id, kind) SELECT job_id, line, id, 'first' FROM record
WHERE job_id = :job_id AND key = ANY (ARRAY(SELECT json_array_elements_text(CAST(:keys AS json))))
ON CONFLICT (job_id, number) DO UPDATE SET record_id = excluded.record_id, kind = excluded.kind;

-- newest_among: The newest versions of some keys of a job, a JSON list, the newest last; whether each has contents, and no body.
SELECT body IS NOT NULL, id, job_id, key, version, line, NULL, body_hash, outcome, waiting_for, reason, value, confidence,
  certified, model, mended, attempts, cost_pico, deaths, question_id, stale_run, state, pieces
FROM record WHERE job_id = :job_id AND key = ANY (ARRAY(SELECT json_array_elements_text(CAST(:keys AS json))))
ORDER BY version;

-- ruled_among: Which of some records, a JSON list of their numbers, a person has ruled on.
SELECT DISTINCT record_id FROM review
WHERE record_id = ANY (CAST(translate(:ids, '[]', '{}') AS bigint[])) AND ruling IS NOT NULL;

-- questions_among: The questions that are pinned for some records, as `question` says them, the newest last.
SELECT record_id, step, fixed, id, version, body, sample, refreshed FROM question
WHERE record_id = ANY (CAST(translate(:ids, '[]', '{}') AS bigint[])) ORDER BY id;

-- replies_among: The replies that some records bought, each with its request's key.
SELECT attempt.key, attempt.id, attempt.model, reply.ending, reply.text, reply.finish, reply.served_model,
  reply.token_probability
FROM attempt JOIN reply ON reply.attempt_id = attempt.id
WHERE attempt.record_id = ANY (CAST(translate(:ids, '[]', '{}') AS bigint[]));
