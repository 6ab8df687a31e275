-- name: statuses
-- How many instances of each process stand where, when the first and the last began, and when any
-- was last heard of.
SELECT process,
       if(status = 'open' AND stall_at <= fromUnixTimestamp64Micro({now:Int64}, 'UTC'), 'stalled', status)
           AS shown_status,
       count() AS found, min(started_at) AS earliest_start, max(started_at) AS latest_start,
       max(last_at) AS latest_at
FROM instances FINAL
WHERE environment = {environment:String} AND removed = 0
  AND started_at >= fromUnixTimestamp64Micro({started_from:Int64}, 'UTC')
  AND started_at < fromUnixTimestamp64Micro({started_to:Int64}, 'UTC')
GROUP BY process, shown_status
ORDER BY process, shown_status;

-- name: worst_states
-- How many instances of each process have which worst verdict.
SELECT process, {order:Array(String)}[worst] AS state, count() AS found
FROM
(
    SELECT process, anchor, min(indexOf({order:Array(String)}, state)) AS worst
    FROM verdict_states FINAL
    WHERE environment = {environment:String}
    GROUP BY process, anchor
) AS judged
WHERE (process, anchor) IN
(
    SELECT process, anchor
    FROM instances FINAL
    WHERE environment = {environment:String} AND removed = 0
      AND started_at >= fromUnixTimestamp64Micro({started_from:Int64}, 'UTC')
      AND started_at < fromUnixTimestamp64Micro({started_to:Int64}, 'UTC')
)
GROUP BY process, state
ORDER BY process, state;

-- name: environments
-- The environments there are instances of.
SELECT DISTINCT environment FROM instances ORDER BY environment;
