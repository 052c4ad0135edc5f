-- Queries of what processes share of a provider; see 0018_lanes.sql.

-- new_lane: Make a lane's row.
INSERT INTO lane (name) VALUES (:name) ON CONFLICT (name) DO NOTHING;

-- take_slice: Take the next requests and tokens of a lane, given out one after the other; no row where others are too far ahead.
UPDATE lane SET requests_at = max(requests_at, :now) + :requests_s, tokens_at = max(tokens_at, :now) + :tokens_s
WHERE name = :name AND requests_at <= :now + :ahead_s AND tokens_at <= :now + :ahead_s
RETURNING max(requests_at - :requests_s, tokens_at - :tokens_s) - :now;

-- given_out: For how many seconds a lane's requests and tokens are given out already.
SELECT max(requests_at, tokens_at) - :now FROM lane WHERE name = :name;

-- open_lane: A provider only fails: nobody asks it for so long.
UPDATE lane SET open_until = :now + :span_s, opened_by = :owner, probe_owner = NULL, probe_until = 0
WHERE name = :name;

-- close_lane: A provider answers again.
UPDATE lane SET open_until = 0, probe_owner = NULL, probe_until = 0 WHERE name = :name;

-- claim_probe: Be the one process that tries a provider again; no row where another one does.
UPDATE lane SET probe_owner = :owner, probe_until = :now + :span_s
WHERE name = :name AND (open_until <= :now
  OR EXISTS (SELECT 1 FROM lease WHERE lease.owner = lane.opened_by AND lease.ended_at IS NOT NULL)) AND (probe_owner IS NULL OR probe_owner = :owner OR probe_until <= :now
  OR EXISTS (SELECT 1 FROM lease WHERE lease.owner = lane.probe_owner AND lease.ended_at IS NOT NULL));

-- lanes_down: The lanes whose provider only fails, as a living process found, each with the seconds until it is tried again.
SELECT name, open_until - :now FROM lane WHERE open_until > 0
  AND EXISTS (SELECT 1 FROM lease WHERE lease.owner = lane.opened_by AND lease.ended_at IS NULL);
