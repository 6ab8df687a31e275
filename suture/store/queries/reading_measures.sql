-- name: durations
-- How often the clocks of some rules were in time that were decided in a period, and how long those of
-- them ran that were completed: in total, and per stretch of {bucket} microseconds counted from 1970.
SELECT sla, facet_value, bucket_index, grouping(bucket_index) AS is_total,
       countIf(state = 'met') AS met, countIf(state = 'breached') AS breached,
       countIf(done) AS completed, quantilesExactInclusiveIf(0.5, 0.9)(elapsed, done) AS elapsed_micros
FROM
(
    SELECT sla, state, if({facet:String} = '', '', facets[{facet:String}]) AS facet_value,
           completed_at IS NOT NULL AS done,
           greatest(0, toUnixTimestamp64Micro(assumeNotNull(coalesce(completed_at, started_at)))
                       - toUnixTimestamp64Micro(started_at)) AS elapsed,
           assumeNotNull(coalesce(completed_at, deadline_at, started_at)) AS counted_at,
           toInt64(floor(toUnixTimestamp64Micro(counted_at) / {bucket:Int64})) AS bucket_index
    FROM verdict_states FINAL
    WHERE environment = {environment:String} AND process IN {processes:Array(String)}
      AND sla IN {slas:Array(String)} AND state IN ('met', 'breached')
      AND counted_at >= fromUnixTimestamp64Micro({counted_from:Int64}, 'UTC')
      AND counted_at < fromUnixTimestamp64Micro({counted_to:Int64}, 'UTC')
)
GROUP BY GROUPING SETS ((sla, facet_value), (sla, facet_value, bucket_index))
ORDER BY sla, facet_value, is_total, bucket_index;

-- name: undecided
-- Clocks of some rules that still run and began before the end of a period.
SELECT sla, if({facet:String} = '', '', facets[{facet:String}]) AS facet_value, state, count() AS found
FROM verdict_states FINAL
WHERE environment = {environment:String} AND process IN {processes:Array(String)}
  AND sla IN {slas:Array(String)} AND state IN ('pending', 'at_risk', 'paused', 'unknown')
  AND started_at < fromUnixTimestamp64Micro({counted_to:Int64}, 'UTC')
GROUP BY sla, facet_value, state
ORDER BY sla, facet_value, state;

-- name: completions
-- How the instances that started in a period stand, per process and per stretch of {bucket}
-- microseconds, counted from 1970.
SELECT process, if({facet:String} = '', '', facets[{facet:String}]) AS facet_value,
       toInt64(floor(toUnixTimestamp64Micro(started_at) / {bucket:Int64})) AS bucket_index,
       countIf(status = 'completed') AS completed, countIf(status = 'ended') AS ended,
       countIf(status = 'open' AND stall_at <= fromUnixTimestamp64Micro({now:Int64}, 'UTC')) AS stalled,
       countIf(status = 'open' AND stall_at > fromUnixTimestamp64Micro({now:Int64}, 'UTC')) AS running
FROM instances FINAL
WHERE environment = {environment:String} AND removed = 0
  AND started_at >= fromUnixTimestamp64Micro({started_from:Int64}, 'UTC')
  AND started_at < fromUnixTimestamp64Micro({started_to:Int64}, 'UTC')
GROUP BY process, facet_value, bucket_index
ORDER BY process, facet_value, bucket_index;
