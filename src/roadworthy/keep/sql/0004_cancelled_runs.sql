-- A run that someone asked to stop, from another process. It belongs to the run, so the next run is not concerned.

ALTER TABLE run ADD COLUMN cancelled_at REAL;
ALTER TABLE run ADD COLUMN cancelled_by TEXT;
