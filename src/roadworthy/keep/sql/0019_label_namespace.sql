-- Whose record a label is about: two namespaces may each have one of the same key.

ALTER TABLE label ADD COLUMN namespace TEXT NOT NULL DEFAULT '';
DROP INDEX label_key;
CREATE UNIQUE INDEX label_key ON label (app, entry, key, namespace);
-- A label of a key that the app itself has no record of is that of the namespace that has one.
UPDATE label SET namespace = coalesce((SELECT min(job.namespace) FROM record JOIN job ON job.id = record.job_id
  WHERE job.app = label.app AND job.entry = label.entry AND record.key = label.key), '');
