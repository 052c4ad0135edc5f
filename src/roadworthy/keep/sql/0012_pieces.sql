-- Texts too long to be held at once: a record's body says how long its text is, and the text lies here in pieces.

-- How many pieces the text of a record has; 0 where it stands in the body.
ALTER TABLE record ADD COLUMN pieces INTEGER NOT NULL DEFAULT 0;

-- A piece of a record's text, numbered from 0; all but the last one are equally long.
CREATE TABLE piece (
  record_id INTEGER NOT NULL,
  number    INTEGER NOT NULL,
  text      TEXT NOT NULL,
  PRIMARY KEY (record_id, number)
);
