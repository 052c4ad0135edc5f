-- Audits: a coin for each accepted answer of a step that promises a largest error, drawn once and kept.

-- What nobody who submits records may know. It never leaves the ledger.
CREATE TABLE secret (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- A stretch of answers that came about in one and the same way; each has a certificate of its own.
CREATE TABLE epoch (
  id        INTEGER PRIMARY KEY,
  app       TEXT NOT NULL,
  step      TEXT NOT NULL,
  policy    TEXT NOT NULL,
  state     INTEGER NOT NULL,
  served    TEXT NOT NULL,
  opening   TEXT NOT NULL,
  share     REAL NOT NULL,
  life      INTEGER NOT NULL,
  opened_at REAL NOT NULL
);
CREATE UNIQUE INDEX epoch_opening ON epoch (app, step, opening);

-- One accepted answer of one step: the share it was drawn with, and what came of it.
CREATE TABLE audit (
  id         INTEGER PRIMARY KEY,
  record_id  INTEGER NOT NULL,
  epoch_id   INTEGER NOT NULL,
  item       TEXT NOT NULL,
  share      REAL NOT NULL,
  state      TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_item ON audit (record_id, item);
CREATE INDEX audit_epoch ON audit (epoch_id, id);

-- Several people may be asked about one audit; `stood` is where the record stood before the ruling, to undo it.
ALTER TABLE review ADD COLUMN audit_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE review ADD COLUMN reader INTEGER NOT NULL DEFAULT 0;
ALTER TABLE review ADD COLUMN stood TEXT;
DROP INDEX review_subject;
CREATE UNIQUE INDEX review_subject ON review (record_id, step, subject, audit_id, reader);
