-- What is watched of a step while it works, and what was raised because of it.

-- One reading: a stretch of answers of one process, counted. `counts` and `served` are JSON objects.
CREATE TABLE reading (
  id       INTEGER PRIMARY KEY,
  app      TEXT NOT NULL,
  step     TEXT NOT NULL,
  version  TEXT NOT NULL,
  began_at REAL NOT NULL,
  ended_at REAL NOT NULL,
  answers  INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  counts   TEXT NOT NULL,
  served   TEXT NOT NULL
);
CREATE INDEX reading_step ON reading (app, step, id);

-- A warning or an alarm of a step; it stands until a person clears it.
CREATE TABLE alarm (
  id         INTEGER PRIMARY KEY,
  app        TEXT NOT NULL,
  step       TEXT NOT NULL,
  kind       TEXT NOT NULL,
  what       TEXT NOT NULL,
  words      TEXT NOT NULL,
  raised_at  REAL NOT NULL,
  cleared_at REAL,
  cleared_by TEXT,
  note       TEXT
);
CREATE UNIQUE INDEX alarm_stands ON alarm (app, step, kind, what) WHERE cleared_at IS NULL;
