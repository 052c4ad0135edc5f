-- numbers_among: The numbers of the records with some keys, a JSON list.
SELECT key, id FROM record
WHERE job_id = :job_id AND key = ANY (ARRAY(SELECT json_array_elements_text(CAST(:keys AS json))));

-- put_lines: Say that lines of the input are the first sight of records that are new, by a JSON list of their keys.
INSERT INTO line (job_id, number, record_id, kind) SELECT job_id, line, id, 'first' FROM record
WHERE job_id = :job_id AND key = ANY (ARRAY(SELECT json_array_elements_text(CAST(:keys AS json))))
ON CONFLICT (job_id, number) DO UPDATE SET record_id = excluded.record_id, kind = excluded.kind;

-- newest_among: The newest versions of some keys of a job, a JSON list, the newest last; whether each has contents and stands somewhere, as the first of its line, and no body.
SELECT body IS NOT NULL AND outcome <> 'pending' AND EXISTS (SELECT 1 FROM line
    WHERE line.job_id = record.job_id AND line.number = record.line AND line.record_id = record.id AND line.kind = 'first'),
  id, job_id, key, version, line, NULL, body_hash, outcome,
  coalesce(waiting_for, ''), coalesce(reason, ''), value, confidence, certified,
  coalesce(model, ''), coalesce(mended, ''), attempts, cost_pico, deaths,
  coalesce(question_id, 0), coalesce(stale_run, 0), state, pieces
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
