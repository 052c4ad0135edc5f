-- Queries of runs whose workers are elsewhere.

-- job_left: Whether somebody may go on with a record of a job.
SELECT EXISTS (SELECT 1 FROM record WHERE job_id = :job_id AND (outcome = 'pending' OR stale_run = :run_id
  OR (outcome = 'waiting' AND waiting_for IN ('budget', 'provider')))
  AND EXISTS (SELECT 1 FROM line WHERE line.job_id = record.job_id AND line.number = record.line AND line.record_id = record.id));

-- last_attempt: The number of the newest attempt; it grows while anything is asked.
SELECT coalesce(max(id), 0) FROM attempt;

-- done_since: What the runs of a job have done since one of them began: attempts, unseen endings, cost, runs.
SELECT count(*), coalesce(sum(CASE WHEN attempt.state = 'unknown' THEN 1 ELSE 0 END), 0),
  coalesce(sum(attempt.cost_pico), 0)
FROM attempt JOIN run ON run.id = attempt.run_id WHERE run.job_id = :job_id AND run.id >= :run_id;
