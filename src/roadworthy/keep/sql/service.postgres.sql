-- cost_by_day: What each day (UTC, as days since 1970) cost, the newest first.
SELECT CAST(floor(attempt.opened_at / 86400) AS BIGINT), count(*), coalesce(sum(attempt.cost_pico), 0)
FROM attempt JOIN record ON record.id = attempt.record_id JOIN job ON job.id = record.job_id
WHERE job.payer = :app GROUP BY 1 ORDER BY 1 DESC LIMIT :count;
