-- What an operator's dashboard looks at.

-- oldest_review: When the question that has waited longest for a person was asked.
SELECT min(review.opened_at) FROM review JOIN record ON record.id = review.record_id JOIN job ON job.id = record.job_id
WHERE job.app = :app AND review.ruling IS NULL;
