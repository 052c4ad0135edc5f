-- The ledger's first shape. Migrations are append-only: a change is a new file with the next number.
-- Money is integer pico-dollars (1e-12 USD); time is seconds since 1970, UTC.

CREATE TABLE app_version (
  id         INTEGER PRIMARY KEY,
  app        TEXT NOT NULL,
  step       TEXT NOT NULL,
  version    TEXT NOT NULL,
  spec       TEXT NOT NULL,
  first_seen REAL NOT NULL,
  UNIQUE (app, step, version)
);

CREATE TABLE job (
  id         INTEGER PRIMARY KEY,
  app        TEXT NOT NULL,
  entry      TEXT NOT NULL,
  name       TEXT NOT NULL,
  created_at REAL NOT NULL,
  UNIQUE (app, entry, name)
);

CREATE TABLE run (
  id         INTEGER PRIMARY KEY,
  job_id     INTEGER NOT NULL REFERENCES job (id),
  owner      INTEGER NOT NULL,
  started_at REAL NOT NULL,
  ended_at   REAL,
  status     INTEGER,
  summary    TEXT
);

-- One unit of input in one job; another body under the same key in a later run is a new version.
CREATE TABLE record (
  id          INTEGER PRIMARY KEY,
  job_id      INTEGER NOT NULL,
  key         TEXT NOT NULL,
  version     INTEGER NOT NULL,
  line        INTEGER NOT NULL,
  body        TEXT,
  body_hash   BLOB NOT NULL,
  raw         BLOB,
  cleanings   TEXT,
  outcome     TEXT NOT NULL DEFAULT 'pending',
  waiting_for TEXT,
  reason      TEXT,
  value       TEXT,
  confidence  REAL,
  certified   INTEGER NOT NULL DEFAULT 0,
  model       TEXT,
  mended      TEXT,
  attempts    INTEGER NOT NULL DEFAULT 0,
  cost_pico   INTEGER NOT NULL DEFAULT 0,
  deaths      INTEGER NOT NULL DEFAULT 0,
  question_id INTEGER,
  seen_run    INTEGER NOT NULL,
  stale_run   INTEGER,
  updated_at  REAL NOT NULL
);
CREATE UNIQUE INDEX record_key ON record (job_id, key, version);

-- Which record each line of the input is: the first sight of it, a duplicate, or a conflict with an earlier one.
CREATE TABLE line (
  job_id    INTEGER NOT NULL,
  number    INTEGER NOT NULL,
  record_id INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  PRIMARY KEY (job_id, number)
) WITHOUT ROWID;

-- The first prompt built for (record, step, what does not move); replayed for ever.
CREATE TABLE question (
  id         INTEGER PRIMARY KEY,
  record_id  INTEGER NOT NULL,
  step       TEXT NOT NULL,
  version    TEXT NOT NULL,
  fixed      BLOB NOT NULL,
  body       TEXT NOT NULL,
  sample     INTEGER NOT NULL DEFAULT 0,
  created_at REAL NOT NULL
);
CREATE INDEX question_record ON question (record_id);

-- At most one request on the wire: the intent is durable before the first byte is sent.
CREATE TABLE attempt (
  id               INTEGER PRIMARY KEY,
  key64            INTEGER NOT NULL,
  key              BLOB NOT NULL,
  record_id        INTEGER NOT NULL,
  question_id      INTEGER NOT NULL,
  run_id           INTEGER NOT NULL,
  owner            INTEGER NOT NULL,
  period           TEXT NOT NULL,
  model            TEXT NOT NULL,
  sample           INTEGER NOT NULL,
  words            TEXT,
  output_cap       INTEGER NOT NULL,
  state            TEXT NOT NULL,
  ending           TEXT,
  reserved_pico    INTEGER NOT NULL,
  cost_pico        INTEGER,
  input_tokens     INTEGER,
  output_tokens    INTEGER,
  cached_tokens    INTEGER,
  reasoning_tokens INTEGER,
  served_model     TEXT,
  provider_id      TEXT,
  detail           TEXT,
  opened_at        REAL NOT NULL,
  latency_s        REAL,
  opened_tick      INTEGER NOT NULL,
  settled_tick     INTEGER
);
CREATE INDEX attempt_key ON attempt (key64);
CREATE INDEX attempt_record ON attempt (record_id);
CREATE INDEX attempt_open ON attempt (owner) WHERE state = 'intent';

-- What the model sent back, raw, in the order of attempts.
CREATE TABLE reply (
  attempt_id        INTEGER PRIMARY KEY,
  ending            TEXT NOT NULL,
  finish            TEXT NOT NULL,
  served_model      TEXT NOT NULL,
  token_probability REAL,
  text              TEXT NOT NULL
);

-- What a person is asked, and what they decided.
CREATE TABLE review (
  id         INTEGER PRIMARY KEY,
  record_id  INTEGER NOT NULL,
  step       TEXT NOT NULL,
  subject    BLOB NOT NULL,
  kind       TEXT NOT NULL,
  grounds    TEXT NOT NULL,
  suggestion TEXT,
  confidence REAL,
  opened_at  REAL NOT NULL,
  ruling     TEXT,
  correction TEXT,
  note       TEXT,
  ruled_by   TEXT,
  ruled_at   REAL
);
CREATE UNIQUE INDEX review_subject ON review (record_id, step, subject);

CREATE TABLE label (
  id        INTEGER PRIMARY KEY,
  app       TEXT NOT NULL,
  entry     TEXT NOT NULL,
  key       TEXT NOT NULL,
  label     TEXT,
  correct   INTEGER,
  source    TEXT NOT NULL,
  at        REAL NOT NULL
);
CREATE UNIQUE INDEX label_key ON label (app, entry, key);

-- The result of a function marked `once`, per record and argument.
CREATE TABLE once (
  record_id INTEGER NOT NULL,
  name      TEXT NOT NULL,
  subject   BLOB NOT NULL,
  value     TEXT,
  done      INTEGER NOT NULL DEFAULT 0,
  token     TEXT NOT NULL,
  at        REAL NOT NULL,
  PRIMARY KEY (record_id, name, subject)
) WITHOUT ROWID;

-- One cap, with what is spent of it and what is promised to attempts on the wire.
CREATE TABLE budget (
  scope         TEXT PRIMARY KEY,
  limit_pico    INTEGER,
  spent_pico    INTEGER NOT NULL DEFAULT 0,
  reserved_pico INTEGER NOT NULL DEFAULT 0,
  overrun_pico  INTEGER NOT NULL DEFAULT 0,
  tick          INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- A process that works on this ledger; it is alive while it holds the lock on its own file.
CREATE TABLE lease (
  owner      INTEGER PRIMARY KEY,
  pid        INTEGER NOT NULL,
  started_at REAL NOT NULL,
  ended_at   REAL
);

CREATE TABLE event (
  id        INTEGER PRIMARY KEY,
  at        REAL NOT NULL,
  run_id    INTEGER,
  record_id INTEGER,
  kind      TEXT NOT NULL,
  data      TEXT NOT NULL
);
