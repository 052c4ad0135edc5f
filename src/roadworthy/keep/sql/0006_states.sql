-- What an app has learned, as numbered states; which one a record was answered in; and each use of delta.

-- One state. `origin` is the number of the state that it brought back, -1 for one of its own.
CREATE TABLE state (
  id      INTEGER PRIMARY KEY,
  app     TEXT NOT NULL,
  number  INTEGER NOT NULL,
  origin  INTEGER NOT NULL,
  why     TEXT NOT NULL,
  content TEXT NOT NULL,
  at      REAL NOT NULL
);
CREATE UNIQUE INDEX state_number ON state (app, number);

-- One test of a threshold on labels, which uses some of delta. `subject` is the hash of what was tested.
CREATE TABLE proof (
  id      INTEGER PRIMARY KEY,
  app     TEXT NOT NULL,
  step    TEXT NOT NULL,
  number  INTEGER NOT NULL,
  subject TEXT NOT NULL,
  delta   REAL NOT NULL,
  found   TEXT NOT NULL,
  at      REAL NOT NULL
);
CREATE UNIQUE INDEX proof_number ON proof (app, step, number);

-- The state that a record was accepted in. Its answer is judged by that one until it is asked again.
ALTER TABLE record ADD COLUMN state INTEGER NOT NULL DEFAULT 0;

-- Whether a question is to be built anew, because someone asked for fresh answers.
ALTER TABLE question ADD COLUMN refreshed INTEGER NOT NULL DEFAULT 0;

-- The answer that a label called right or wrong.
ALTER TABLE label ADD COLUMN judged TEXT;
