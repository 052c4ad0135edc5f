-- What a ledger with many writers at once needs: SQLite's writers queue on a file lock instead.

-- One request is on the wire once, whoever asks.
CREATE UNIQUE INDEX attempt_claim ON attempt (key) WHERE state = 'intent';

-- Orders the history of accounts over all processes.
CREATE SEQUENCE tick;

-- When a process was last heard, by the server's clock.
ALTER TABLE lease ADD COLUMN beat_at REAL;
