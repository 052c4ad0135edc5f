-- What was said of a record before a person ruled on it, so that it is there again once the ruling is taken back.

ALTER TABLE label ADD COLUMN ruled INTEGER NOT NULL DEFAULT 0;
-- The label that the ruling took the place of, as a JSON object; NULL for none.
ALTER TABLE label ADD COLUMN under TEXT;
UPDATE label SET ruled = 1 WHERE substr(source, 1, 10) = 'ruling by ' OR substr(source, 1, 10) = 'choice by '
  OR substr(source, 1, 16) = 'batch ruling by ';
