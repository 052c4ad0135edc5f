-- Lots that are certified whole; and rulings between two answers that stand for their step's result.

-- One lot: the answers of a finished job that a model gave. `number` counts those of one job, each with its own delta.
CREATE TABLE lot (
  id         INTEGER PRIMARY KEY,
  app        TEXT NOT NULL,
  step       TEXT NOT NULL,
  job_id     INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  max_error  REAL NOT NULL,
  delta      REAL NOT NULL,
  sampled    INTEGER NOT NULL,
  state      TEXT NOT NULL,
  figures    TEXT,
  opened_at  REAL NOT NULL,
  decided_at REAL
);
CREATE UNIQUE INDEX lot_number ON lot (job_id, number);

-- One answer of a lot. `item` is the hash of the answer as it was, `signals` and `model` are what it is ranked by.
CREATE TABLE lot_row (
  lot_id  INTEGER NOT NULL,
  place     INTEGER NOT NULL,
  record_id INTEGER NOT NULL,
  item      TEXT NOT NULL,
  sampled   INTEGER NOT NULL,
  signals   TEXT NOT NULL,
  model     TEXT NOT NULL,
  PRIMARY KEY (lot_id, place)
) WITHOUT ROWID;
CREATE INDEX lot_row_record ON lot_row (record_id);

-- What the step was asked about, for a question between two of its answers: a run finds the ruling by it.
ALTER TABLE review ADD COLUMN about BLOB;
