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

-- claim_records: Take those of several records that no living process works on, by a JSON list of their numbers.
UPDATE record SET owner = :owner WHERE id = ANY (CAST(translate(:ids, '[]', '{}') AS bigint[])) AND (owner IS NULL OR owner = :owner
  OR EXISTS (SELECT 1 FROM lease WHERE lease.owner = record.owner AND lease.ended_at IS NOT NULL))
RETURNING id;

-- job_grounds: The same by what Postgres calls it.
SELECT record.outcome, coalesce(min(record.reason), ''), count(*) FROM line JOIN record ON record.id = line.record_id
WHERE line.job_id = :job_id AND record.outcome IN ('rejected', 'failed', 'waiting')
GROUP BY record.outcome,
  CASE WHEN record.outcome = 'rejected' THEN substr(record.reason, strpos(record.reason, ': ')) ELSE record.reason END
ORDER BY 3 DESC LIMIT :count;

-- next_line: The same out of the numbers of records, so that no two processes get one; no job has a line beyond those.
SELECT nextval(pg_get_serial_sequence('record', 'id'));

-- ask: What is known of a request as `request` says it, else its question and its intent, in one round trip.
WITH known AS (
  SELECT attempt.id, attempt.model, reply.ending, reply.text, reply.finish, reply.served_model, reply.token_probability,
    attempt.owner
  FROM attempt LEFT JOIN reply ON reply.attempt_id = attempt.id
  WHERE attempt.key64 = :key64 AND attempt.key = :key AND (reply.attempt_id IS NOT NULL OR attempt.state = 'intent')
  ORDER BY reply.attempt_id IS NULL LIMIT 1
), pinned AS (
  INSERT INTO question (record_id, step, version, fixed, body, sample, created_at)
  SELECT :record_id, :step, :version, :fixed, :body, :sample, :now WHERE NOT EXISTS (SELECT 1 FROM known)
  RETURNING id
), claimed AS (
  INSERT INTO attempt (key64, key, record_id, question_id, run_id, owner, period, model, sample, words, output_cap, state,
    reserved_pico, opened_at, opened_tick)
  SELECT :key64, :key, :record_id, pinned.id, :run_id, :owner, :period, :model, :sample, :words,
    CAST(:output_cap AS bigint), 'intent', :reserved_pico, :now, :tick
  FROM pinned
  ON CONFLICT (key) WHERE state = 'intent' DO NOTHING
  RETURNING id, question_id
)
SELECT claimed.id, claimed.question_id, known.id, known.model, known.ending, known.text, known.finish, known.served_model,
  known.token_probability, known.owner
FROM (SELECT 1) AS one LEFT JOIN claimed ON true LEFT JOIN known ON true;

-- bought_among: Whether one of these requests has a reply; the whole keys are compared.
SELECT attempt.id FROM attempt JOIN reply ON reply.attempt_id = attempt.id
WHERE attempt.key64 = ANY (:prefixes) AND attempt.key = ANY (:keys) LIMIT 1;

-- settle_with_reply: What became of an attempt that is still open, with what the model sent back; no row where it is not.
WITH settled AS (
  UPDATE attempt SET state = :state, ending = :ending, cost_pico = :cost_pico, input_tokens = :input_tokens,
    output_tokens = :output_tokens, cached_tokens = :cached_tokens, reasoning_tokens = :reasoning_tokens,
    served_model = :served_model, provider_id = :provider_id, detail = :detail, latency_s = :latency_s, settled_tick = :tick
  WHERE id = :attempt_id AND state = 'intent' RETURNING id
)
INSERT INTO reply (attempt_id, ending, finish, served_model, token_probability, text)
SELECT settled.id, :ending, :finish, coalesce(:served_model, ''), CAST(:token_probability AS double precision), :text
FROM settled;

-- beat: A process is heard; no row where it was taken for dead.
UPDATE lease SET beat_at = extract(epoch FROM clock_timestamp()) WHERE owner = :owner AND ended_at IS NULL;

-- take_silent: Take processes for dead that were not heard for so long; one in the midst of a transaction holds its row and is not waited for.
UPDATE lease SET ended_at = :now WHERE owner IN (
  SELECT owner FROM lease
  WHERE ended_at IS NULL AND owner <> :own AND beat_at < extract(epoch FROM clock_timestamp()) - :silent_s
  FOR UPDATE SKIP LOCKED
) RETURNING owner;

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
