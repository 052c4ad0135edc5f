-- migrate_lock: One process migrates; the others wait until it is done.
SELECT pg_advisory_xact_lock(7236528193);

-- migration_table: Where the schema's number is kept.
CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY);

-- migrated: Note that a migration is done.
INSERT INTO migration (number) VALUES (:number);

-- next_tick: The next place in the history of accounts.
SELECT nextval('tick');

-- budget_locked: One cap's account, kept from others until this transaction ends.
SELECT limit_pico, spent_pico, reserved_pico, overrun_pico, tick FROM budget WHERE scope = :scope FOR UPDATE;

-- new_budget: Make an account that nobody has used.
INSERT INTO budget (scope) VALUES (:scope) ON CONFLICT (scope) DO NOTHING;

-- limit_budget: Give an account its cap.
UPDATE budget SET limit_pico = :limit_pico, tick = tick + 1 WHERE scope = :scope;

-- move_budget: Change one cap's account by what this transaction did, unless others have used the room meanwhile.
UPDATE budget SET spent_pico = spent_pico + :spent_pico, reserved_pico = reserved_pico + :reserved_pico,
  overrun_pico = overrun_pico + :overrun_pico, tick = tick + 1
WHERE scope = :scope AND (:sure = 1 OR limit_pico IS NULL
  OR spent_pico + reserved_pico + :spent_pico + :reserved_pico <= limit_pico);

-- add_attempt: The intent, durable before the wire; nothing where the same request is on the wire already.
INSERT INTO attempt (key64, key, record_id, question_id, run_id, owner, period, model, sample, words, output_cap, state,
  reserved_pico, opened_at, opened_tick)
VALUES (:key64, :key, :record_id, :question_id, :run_id, :owner, :period, :model, :sample, :words, :output_cap, 'intent',
  :reserved_pico, :now, :tick)
ON CONFLICT (key) WHERE state = 'intent' DO NOTHING;

-- beat: A process is heard; no row where it was taken for dead.
UPDATE lease SET beat_at = extract(epoch FROM clock_timestamp()) WHERE owner = :owner AND ended_at IS NULL;

-- take_silent: Take processes for dead that were not heard for so long; from here on they cannot write.
UPDATE lease SET ended_at = :now
WHERE ended_at IS NULL AND owner <> :own AND beat_at < extract(epoch FROM clock_timestamp()) - :silent_s RETURNING owner;

-- left_behind: Processes that said good-bye and left something on the wire.
SELECT DISTINCT attempt.owner FROM attempt JOIN lease ON lease.owner = attempt.owner
WHERE attempt.state = 'intent' AND lease.ended_at IS NOT NULL;

-- size: How many bytes the ledger takes.
SELECT pg_database_size(current_database());

-- heard: Whether a process was heard of late.
SELECT owner FROM lease
WHERE owner = :owner AND ended_at IS NULL AND beat_at >= extract(epoch FROM clock_timestamp()) - :silent_s;

-- wait_for_locks: How long this connection waits for a table that others use.
SELECT set_config('lock_timeout', :limit, false);

-- compact: Write the tables that hold contents anew, without what was removed from them.
VACUUM (FULL, ANALYZE) app_version, record, question, attempt, reply, review, label, once, event, audit, passage,
  piece, lot_row, batch_call;

-- passages_with_words: How many passages of all indexes hold a word.
SELECT count(*) FROM passage WHERE words @@ plainto_tsquery('english', :words);

-- passages_by_words: The passages that share words with a query: `ts_rank` word by word, a rare word counting more.
WITH word AS (
  SELECT DISTINCT plainto_tsquery('english', found) AS query FROM regexp_split_to_table(:words, ' OR ') AS found
), hit AS (
  SELECT word.query, passage.id, ts_rank(passage.words, word.query, 1) AS near
  FROM word JOIN passage ON passage.words @@ word.query WHERE passage.corpus_id = :corpus_id
), weight AS (
  SELECT hit.query, ln(1 + (total.passages - count(*) + 0.5) / (count(*) + 0.5)) AS rare
  FROM hit CROSS JOIN (SELECT count(*) AS passages FROM passage WHERE corpus_id = :corpus_id) AS total
  GROUP BY hit.query, total.passages
)
SELECT hit.id FROM hit JOIN weight ON weight.query = hit.query
GROUP BY hit.id ORDER BY sum(weight.rare * hit.near) DESC, hit.id LIMIT :most;
