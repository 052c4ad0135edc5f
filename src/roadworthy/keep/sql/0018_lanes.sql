-- What processes that ask the same provider with the same key share: how fast it may be asked, and whether it answers.
-- Times are seconds since 1970 by one clock: the server's on Postgres, the machine's on SQLite.

CREATE TABLE lane (
  name        TEXT PRIMARY KEY,
  requests_at REAL NOT NULL DEFAULT 0,
  tokens_at   REAL NOT NULL DEFAULT 0,
  open_until  REAL NOT NULL DEFAULT 0,
  opened_by   INTEGER,
  probe_owner INTEGER,
  probe_until REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
