-- Which process works on a record, so that several take different ones. A claim lasts as long as the claimant's lease.

ALTER TABLE record ADD COLUMN owner INTEGER;
