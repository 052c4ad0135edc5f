-- Which records a question shows as examples, so that forgetting one reaches it there; and trained students.

CREATE TABLE example (
  record_id   INTEGER NOT NULL,
  question_id INTEGER NOT NULL,
  PRIMARY KEY (record_id, question_id)
) WITHOUT ROWID;

-- A trained student: its file, what it may answer with, and the records it learned from, as JSON.
CREATE TABLE student (
  id      INTEGER PRIMARY KEY,
  app     TEXT NOT NULL,
  step    TEXT NOT NULL,
  version TEXT NOT NULL,
  file    BLOB NOT NULL,
  trained TEXT NOT NULL,
  at      REAL NOT NULL
);
CREATE UNIQUE INDEX student_version ON student (app, step, version);
