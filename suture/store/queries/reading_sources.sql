-- name: sources
-- Everyone who was ever heard from in an environment: when things happened there, and when they came.
SELECT kind, source, system,
       min(first_heard_at) AS first_heard, max(last_heard_at) AS last_heard,
       min(first_seen_at) AS first_seen, max(last_seen_at) AS last_seen
FROM sources
WHERE environment = {environment:String}
GROUP BY kind, source, system
ORDER BY kind, source, last_heard DESC, system;

-- name: traffic
-- How much of each source came in some whole minutes up to now.
SELECT kind, source,
       sumIf(arrived, minute >= {now:DateTime('UTC')} - INTERVAL 15 MINUTE AND minute < {now:DateTime('UTC')})
           AS last_15_minutes,
       sumIf(arrived, minute >= {now:DateTime('UTC')} - INTERVAL 1 HOUR AND minute < {now:DateTime('UTC')})
           AS last_hour,
       sumIf(arrived, minute < {now:DateTime('UTC')}) AS last_day,
       max(minute) >= {now:DateTime('UTC')} - INTERVAL 1 HOUR AS recently
FROM source_arrivals FINAL
WHERE environment = {environment:String}
  AND minute >= {now:DateTime('UTC')} - INTERVAL 1 DAY AND minute <= {now:DateTime('UTC')}
GROUP BY kind, source;

-- name: lateness
-- How late some sources were, over what came of them since some time. Minutes of which the median is over
-- {backfill:Float64} seconds are a back-fill and stand apart, with the minutes beside them in which it
-- begins and ends (of which p95 is over that). Sketches are slow to read: ask for an hour of those that
-- send much, and for a day of the others only.
SELECT kind, source, countIf(live) > 0 AS any_live, countIf(NOT live) > 0 AS any_old,
       quantilesDDMergeIf(0.01, 0.5, 0.95)(sketch, live) AS late, maxIf(largest, live) AS latest,
       quantilesDDMergeIf(0.01, 0.5, 0.95)(sketch, NOT live) AS old_late, maxIf(largest, NOT live) AS old_latest,
       sumIf(came, NOT live) AS old_arrived,
       sumIf(came, NOT live AND minute >= {now:DateTime('UTC')} - INTERVAL 15 MINUTE
                   AND minute < {now:DateTime('UTC')}) AS old_last_15_minutes
FROM
(
    SELECT kind, source, minute, came, largest, sketch,
           max(old) OVER (PARTITION BY kind, source ORDER BY toUnixTimestamp(minute)
                          RANGE BETWEEN 60 PRECEDING AND 60 FOLLOWING) AS beside,
           NOT (old OR beside AND quantiles[2] > {backfill:Float64}) AS live
    FROM
    (
        SELECT kind, source, minute, sum(arrived) AS came, max(lateness_max) AS largest,
               quantilesDDMergeState(0.01, 0.5, 0.95)(lateness) AS sketch,
               finalizeAggregation(sketch) AS quantiles, quantiles[1] > {backfill:Float64} AS old
        FROM source_arrivals FINAL
        WHERE environment = {environment:String} AND source IN {sources:Array(String)}
          AND minute >= {since:DateTime('UTC')} AND minute <= {now:DateTime('UTC')}
        GROUP BY kind, source, minute
    )
)
GROUP BY kind, source;

-- name: history
-- How much of one source came in each hour, and how late it was.
SELECT toStartOfHour(minute) AS hour, sum(arrived) AS count_arrived,
       quantilesDDMerge(0.01, 0.5, 0.95)(lateness) AS late, max(lateness_max) AS latest
FROM source_arrivals FINAL
WHERE environment = {environment:String} AND kind = {kind:String} AND source = {source:String}
  AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
GROUP BY hour
ORDER BY hour;

-- name: heartbeats
-- In how many slots of its heartbeat each system was heard from, by an event or any telemetry.
SELECT of_system, uniqExact(slot) AS heard
FROM
(
    SELECT if(kind = 'events', toString(system),
              transform(source, {services:Array(String)}, {service_systems:Array(String)}, '')) AS of_system,
           transform(of_system, {systems:Array(String)}, {beats:Array(Int64)}, toInt64(1)) AS beat,
           toInt64(floor(minute / beat)) AS slot
    FROM source_minutes
    WHERE environment = {environment:String}
      AND minute >= {heard_from:Int64} AND minute < {heard_to:Int64}
      AND (kind = 'events' AND source_minutes.system IN {systems:Array(String)}
           OR kind != 'events' AND source IN {services:Array(String)})
)
WHERE slot >= transform(of_system, {systems:Array(String)}, {first_slots:Array(Int64)}, toInt64(0))
  AND slot < transform(of_system, {systems:Array(String)}, {last_slots:Array(Int64)}, toInt64(0))
GROUP BY of_system;

-- name: offsets
-- The latest estimate of each service's clock against its reference, in a range of hours.
SELECT service, max(hour) AS at_hour, argMax(reference, hour) AS of_reference,
       argMax(offset_micros, hour) AS ahead, argMax(uncertainty_micros, hour) AS uncertainty,
       argMax(pairs, hour) AS counted
FROM (SELECT * FROM clock_offsets FINAL
      WHERE environment = {environment:String}
        AND hour >= {first_hour:Int32} AND hour <= {last_hour:Int32})
GROUP BY service
ORDER BY service;

-- name: callers
-- The latest estimate of each service's clock against each of its callers', in a range of hours.
SELECT client, server, argMax(lower_micros, hour) AS lower, argMax(upper_micros, hour) AS upper,
       argMax(pairs, hour) AS counted
FROM (SELECT * FROM clock_edges FINAL
      WHERE environment = {environment:String}
        AND hour >= {first_hour:Int32} AND hour <= {last_hour:Int32})
GROUP BY client, server
ORDER BY server, client;
