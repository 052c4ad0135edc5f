-- Passages: what steps take their context from, indexed by words and, where a step names an embedder, by meaning.

-- One folder or table as one declaration cuts it.
CREATE TABLE corpus (
  id   INTEGER PRIMARY KEY,
  app  TEXT NOT NULL,
  name TEXT NOT NULL
);
CREATE UNIQUE INDEX corpus_name ON corpus (app, name);

-- A document that is indexed, and the hash of what it was then.
CREATE TABLE document (
  id        INTEGER PRIMARY KEY,
  corpus_id INTEGER NOT NULL,
  key       TEXT NOT NULL,
  sha256    TEXT NOT NULL
);
CREATE UNIQUE INDEX document_key ON document (corpus_id, key);

-- A piece of a document; `vector` holds 32-bit floats, little-endian, of length 1.
CREATE TABLE passage (
  id          INTEGER PRIMARY KEY,
  corpus_id   INTEGER NOT NULL,
  document_id INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  first       INTEGER NOT NULL,
  after       INTEGER NOT NULL,
  page        INTEGER,
  heading     TEXT NOT NULL,
  text        TEXT NOT NULL,
  vector      BLOB
);
CREATE INDEX passage_document ON passage (document_id, number);
CREATE INDEX passage_corpus ON passage (corpus_id, id);

CREATE VIRTUAL TABLE passage_words USING fts5 (
  heading, text, content = 'passage', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER passage_added AFTER INSERT ON passage BEGIN
  INSERT INTO passage_words (rowid, heading, text) VALUES (new.id, new.heading, new.text);
END;
CREATE TRIGGER passage_dropped AFTER DELETE ON passage BEGIN
  INSERT INTO passage_words (passage_words, rowid, heading, text) VALUES ('delete', old.id, old.heading, old.text);
END;
