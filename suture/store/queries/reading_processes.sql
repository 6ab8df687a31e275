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
-- How many instances of each process have which worst verdict, of the worst states in `order`. By a
-- hash of the key, since a set of a million texts takes several times as long to build.
SELECT process, {order:Array(String)}[worst] AS state, count() AS found
FROM
(
    SELECT process, min(indexOf({order:Array(String)}, state)) AS worst
    FROM verdict_states FINAL
    WHERE environment = {environment:String} AND state IN {order:Array(String)}
      AND sipHash64(process, anchor) IN
      (
          SELECT sipHash64(process, anchor)
          FROM instances FINAL
          WHERE environment = {environment:String} AND removed = 0
            AND started_at >= fromUnixTimestamp64Micro({started_from:Int64}, 'UTC')
            AND started_at < fromUnixTimestamp64Micro({started_to:Int64}, 'UTC')
      )
    GROUP BY process, sipHash64(process, anchor)
)
GROUP BY process, state
ORDER BY process, state;
