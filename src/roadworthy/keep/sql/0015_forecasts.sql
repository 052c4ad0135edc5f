-- What `plan` said an input would cost, so that it can be held against what it did cost.

CREATE TABLE forecast (
  id          INTEGER PRIMARY KEY,
  app         TEXT NOT NULL,
  entry       TEXT NOT NULL,
  job         TEXT NOT NULL,
  at          REAL NOT NULL,
  to_ask      INTEGER NOT NULL,
  low_pico    INTEGER NOT NULL,
  likely_pico INTEGER NOT NULL,
  high_pico   INTEGER NOT NULL,
  spent_pico  INTEGER NOT NULL
);
CREATE INDEX forecast_app ON forecast (app, id);
