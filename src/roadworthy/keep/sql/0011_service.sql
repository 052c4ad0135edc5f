-- The service: who may call it, what was handed over under which token, and whose records are whose.

-- A key that lets a caller in. The key itself is not kept, only its SHA-256: it is 32 random bytes, so no salt is needed.
CREATE TABLE access_key (
  id         INTEGER PRIMARY KEY,
  app        TEXT NOT NULL,
  name       TEXT NOT NULL,
  hash       BLOB NOT NULL,
  roles      TEXT NOT NULL,
  namespace  TEXT NOT NULL,
  created_at REAL NOT NULL,
  revoked_at REAL
);
CREATE UNIQUE INDEX access_key_hash ON access_key (hash);

-- One request under an Idempotency-Key: the record it became, and the body it came with.
CREATE TABLE submission (
  id        INTEGER PRIMARY KEY,
  job_id    INTEGER NOT NULL,
  token     TEXT NOT NULL,
  body_hash BLOB NOT NULL,
  record_id INTEGER NOT NULL,
  at        REAL NOT NULL
);
CREATE UNIQUE INDEX submission_token ON submission (job_id, token);

-- Whose records a job holds; "" is the app's own. It is part of the identity of every reply.
ALTER TABLE job ADD COLUMN namespace TEXT NOT NULL DEFAULT '';
