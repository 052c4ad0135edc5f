-- Whose money a job spends. A candidate's shadow runs are a job of their own, and the app they would change pays for them.

ALTER TABLE job ADD COLUMN payer TEXT NOT NULL DEFAULT '';
UPDATE job SET payer = app;
