-- Queries of lanes by the server's clock, which all processes share.

-- take_slice: Take the next requests and tokens of a lane, given out one after the other; no row where others are too far ahead.
WITH clock AS (SELECT extract(epoch FROM clock_timestamp()) AS now)
UPDATE lane SET requests_at = greatest(requests_at, clock.now) + :requests_s,
  tokens_at = greatest(tokens_at, clock.now) + :tokens_s
FROM clock WHERE name = :name AND requests_at <= clock.now + :ahead_s AND tokens_at <= clock.now + :ahead_s
RETURNING greatest(requests_at - :requests_s, tokens_at - :tokens_s) - clock.now;

-- given_out: For how many seconds a lane's requests and tokens are given out already.
SELECT greatest(requests_at, tokens_at) - extract(epoch FROM clock_timestamp()) FROM lane WHERE name = :name;

-- open_lane: A provider only fails: nobody asks it for so long.
UPDATE lane SET open_until = extract(epoch FROM clock_timestamp()) + :span_s,
  opened_by = :owner, probe_owner = NULL, probe_until = 0
WHERE name = :name;

-- claim_probe: Be the one process that tries a provider again; no row where another one does.
UPDATE lane SET probe_owner = :owner, probe_until = extract(epoch FROM clock_timestamp()) + :span_s
WHERE name = :name AND (open_until <= extract(epoch FROM clock_timestamp())
  OR EXISTS (SELECT 1 FROM lease WHERE lease.owner = lane.opened_by AND lease.ended_at IS NOT NULL)) AND (probe_owner IS NULL OR probe_owner = :owner OR probe_until <= extract(epoch FROM clock_timestamp())
  OR EXISTS (SELECT 1 FROM lease WHERE lease.owner = lane.probe_owner AND lease.ended_at IS NOT NULL));

-- lanes_down: The lanes whose provider only fails, as a living process found, each with the seconds until it is tried again.
SELECT name, open_until - extract(epoch FROM clock_timestamp()) FROM lane WHERE open_until > 0
  AND EXISTS (SELECT 1 FROM lease WHERE lease.owner = lane.opened_by AND lease.ended_at IS NULL);
