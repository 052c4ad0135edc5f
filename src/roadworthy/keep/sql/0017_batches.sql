-- Calls that a provider works on overnight: queued, sent in batches, imported when they are done.

ALTER TABLE job ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;

-- One batch of a provider's batch API; it is here before the provider hears of it.
CREATE TABLE batch (
  id           INTEGER PRIMARY KEY,
  tag          TEXT NOT NULL UNIQUE,
  app          TEXT NOT NULL,
  model        TEXT NOT NULL,
  state        TEXT NOT NULL,
  provider_id  TEXT,
  calls        INTEGER NOT NULL,
  owner        INTEGER,
  detail       TEXT,
  planned_at   REAL NOT NULL,
  sent_at      REAL,
  submitted_at REAL,
  ended_at     REAL,
  cancelled_at REAL
);

-- One call of a batch. The attempt is its intent; its words are kept until the provider has them.
CREATE TABLE batch_call (
  attempt_id INTEGER PRIMARY KEY,
  batch_id   INTEGER,
  app        TEXT NOT NULL,
  model      TEXT NOT NULL,
  step       TEXT NOT NULL,
  custom_id  TEXT NOT NULL UNIQUE,
  body       BLOB
);
CREATE INDEX batch_call_batch ON batch_call (batch_id, attempt_id);
CREATE INDEX record_in_batch ON record (job_id) WHERE waiting_for = 'batch';
