-- Records that are not at their end, which a service looks for again and again among all that are.
CREATE INDEX record_open ON record (job_id, id) WHERE outcome IN ('pending', 'waiting');
