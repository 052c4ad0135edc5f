-- Candidates: who pays for their shadow runs, and the paired test that promotes or rejects each.

-- Whose money a job spends. A candidate's shadow runs are a job of their own, and the app they would change pays for them.
ALTER TABLE job ADD COLUMN payer TEXT NOT NULL DEFAULT '';
UPDATE job SET payer = app;

-- One test of one version of a step against another. `number` counts the candidates against one old version; a row with
-- number 0 notes the version that ran before there was any candidate.
CREATE TABLE gate (
  id         INTEGER PRIMARY KEY,
  app        TEXT NOT NULL,
  step       TEXT NOT NULL,
  old        TEXT NOT NULL,
  new        TEXT NOT NULL,
  judged     TEXT NOT NULL,
  margin     REAL NOT NULL,
  number     INTEGER NOT NULL,
  delta      REAL NOT NULL,
  ruling     TEXT NOT NULL,
  figures    TEXT,
  applied    INTEGER NOT NULL DEFAULT 0,
  opened_at  REAL NOT NULL,
  decided_at REAL
);
CREATE UNIQUE INDEX gate_test ON gate (app, step, old, new, judged, margin);
CREATE UNIQUE INDEX gate_number ON gate (app, step, old, number);
