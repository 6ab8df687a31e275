-- name: progress
-- How far the stage is on every stream, what its last plan was, and which tick was finished last.
SELECT stage, stream, max(position) AS position FROM cursors
WHERE stage IN ('coverage', 'coverage-plan', 'coverage-tick', 'coverage-done', 'coverage-direct',
                'coverage-direct-plan')
GROUP BY stage, stream;

-- name: planned
-- The segments of a plan: finished ones in (after, upto] of each stream.
SELECT segment, signal FROM segments FINAL
WHERE signal != 'dead_letters'
  AND has({streams:Array(UInt64)}, stream)
  AND sequence > transform(toUInt64(stream), {streams:Array(UInt64)}, {after:Array(UInt64)}, toUInt64(0))
  AND sequence <= transform(toUInt64(stream), {streams:Array(UInt64)}, {upto:Array(UInt64)}, toUInt64(0))
ORDER BY segment;

-- name: count_events
-- Counts milestone events of some segments by source. What happened later than it came is a clock
-- that is ahead: it counts as heard when it came.
INSERT INTO source_batches
SELECT {tick:UInt64} AS tick, environment, 'events' AS kind, source, system,
       toInt32(floor(toUnixTimestamp64Micro(heard_at) / 60000000)) AS heard_minute,
       toStartOfMinute(toDateTime(recorded_at, 'UTC')) AS seen_minute,
       count() AS arrived, min(heard_at), max(heard_at), min(recorded_at), max(recorded_at),
       quantilesDDState(0.01, 0.5, 0.95)(late_seconds) AS lateness, max(late_seconds), {now:DateTime('UTC')}
FROM
(
    SELECT environment, source, system, recorded_at, least(occurred_at, recorded_at) AS heard_at,
           (toUnixTimestamp64Micro(recorded_at) - toUnixTimestamp64Micro(occurred_at)) / 1e6 AS late_seconds
    FROM milestones
    WHERE segment IN {segments:Array(UInt64)}
)
GROUP BY environment, source, system, heard_minute, seen_minute;

-- name: count_spans
-- Counts spans of some segments by service, and those that somebody else wrote into the table and
-- that came in a stretch of time. A span happened when it ended.
INSERT INTO source_batches
SELECT {tick:UInt64} AS tick, environment, 'spans' AS kind, source, '' AS system,
       toInt32(floor(toUnixTimestamp64Micro(heard_at) / 60000000)) AS heard_minute,
       toStartOfMinute(toDateTime(received_at, 'UTC')) AS seen_minute,
       count() AS arrived, min(heard_at), max(heard_at), min(received_at), max(received_at),
       quantilesDDState(0.01, 0.5, 0.95)(late_seconds) AS lateness, max(late_seconds), {now:DateTime('UTC')}
FROM
(
    SELECT suture_environment(ResourceAttributes) AS environment, ServiceName AS source,
           ReceivedAt AS received_at,
           intDiv(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration), 1000) AS happened,
           toUnixTimestamp64Micro(ReceivedAt) AS received,
           fromUnixTimestamp64Micro(least(happened, received), 'UTC') AS heard_at,
           (received - happened) / 1e6 AS late_seconds
    FROM otel_traces
    WHERE WalSegment IN {segments:Array(UInt64)}
       OR (WalSegment = 0 AND ReceivedAt >= fromUnixTimestamp64Micro({direct_from:Int64}, 'UTC')
                          AND ReceivedAt < fromUnixTimestamp64Micro({direct_to:Int64}, 'UTC'))
)
GROUP BY environment, source, heard_minute, seen_minute;

-- name: count_logs
-- The same for log records. One without a time happened when it came.
INSERT INTO source_batches
SELECT {tick:UInt64} AS tick, environment, 'logs' AS kind, source, '' AS system,
       toInt32(floor(toUnixTimestamp64Micro(heard_at) / 60000000)) AS heard_minute,
       toStartOfMinute(toDateTime(received_at, 'UTC')) AS seen_minute,
       count() AS arrived, min(heard_at), max(heard_at), min(received_at), max(received_at),
       quantilesDDState(0.01, 0.5, 0.95)(late_seconds) AS lateness, max(late_seconds), {now:DateTime('UTC')}
FROM
(
    SELECT suture_environment(ResourceAttributes) AS environment, ServiceName AS source,
           ReceivedAt AS received_at,
           toUnixTimestamp64Micro(ReceivedAt) AS received,
           intDiv(toUnixTimestamp64Nano(Timestamp), 1000) AS stated,
           if(stated > 0, stated, received) AS happened,
           fromUnixTimestamp64Micro(least(happened, received), 'UTC') AS heard_at,
           (received - happened) / 1e6 AS late_seconds
    FROM otel_logs
    WHERE WalSegment IN {segments:Array(UInt64)}
       OR (WalSegment = 0 AND ReceivedAt >= fromUnixTimestamp64Micro({direct_from:Int64}, 'UTC')
                          AND ReceivedAt < fromUnixTimestamp64Micro({direct_to:Int64}, 'UTC'))
)
GROUP BY environment, source, heard_minute, seen_minute;

-- name: count_metrics
-- The same for the points of metrics, of whatever type.
INSERT INTO source_batches
SELECT {tick:UInt64} AS tick, environment, 'metrics' AS kind, source, '' AS system,
       toInt32(floor(toUnixTimestamp64Micro(heard_at) / 60000000)) AS heard_minute,
       toStartOfMinute(toDateTime(received_at, 'UTC')) AS seen_minute,
       count() AS arrived, min(heard_at), max(heard_at), min(received_at), max(received_at),
       quantilesDDState(0.01, 0.5, 0.95)(late_seconds) AS lateness, max(late_seconds), {now:DateTime('UTC')}
FROM
(
    SELECT environment, source, received_at, received,
           if(stated > 0, stated, received) AS happened,
           fromUnixTimestamp64Micro(least(happened, received), 'UTC') AS heard_at,
           (received - happened) / 1e6 AS late_seconds
    FROM
    (
        SELECT suture_environment(ResourceAttributes) AS environment, ServiceName AS source,
               ReceivedAt AS received_at, toUnixTimestamp64Micro(ReceivedAt) AS received,
               intDiv(toUnixTimestamp64Nano(TimeUnix), 1000) AS stated
        FROM otel_metrics_gauge
        WHERE WalSegment IN {segments:Array(UInt64)}
           OR (WalSegment = 0 AND ReceivedAt >= fromUnixTimestamp64Micro({direct_from:Int64}, 'UTC')
                              AND ReceivedAt < fromUnixTimestamp64Micro({direct_to:Int64}, 'UTC'))
        UNION ALL
        SELECT suture_environment(ResourceAttributes), ServiceName, ReceivedAt,
               toUnixTimestamp64Micro(ReceivedAt), intDiv(toUnixTimestamp64Nano(TimeUnix), 1000)
        FROM otel_metrics_sum
        WHERE WalSegment IN {segments:Array(UInt64)}
           OR (WalSegment = 0 AND ReceivedAt >= fromUnixTimestamp64Micro({direct_from:Int64}, 'UTC')
                              AND ReceivedAt < fromUnixTimestamp64Micro({direct_to:Int64}, 'UTC'))
        UNION ALL
        SELECT suture_environment(ResourceAttributes), ServiceName, ReceivedAt,
               toUnixTimestamp64Micro(ReceivedAt), intDiv(toUnixTimestamp64Nano(TimeUnix), 1000)
        FROM otel_metrics_histogram
        WHERE WalSegment IN {segments:Array(UInt64)}
           OR (WalSegment = 0 AND ReceivedAt >= fromUnixTimestamp64Micro({direct_from:Int64}, 'UTC')
                              AND ReceivedAt < fromUnixTimestamp64Micro({direct_to:Int64}, 'UTC'))
        UNION ALL
        SELECT suture_environment(ResourceAttributes), ServiceName, ReceivedAt,
               toUnixTimestamp64Micro(ReceivedAt), intDiv(toUnixTimestamp64Nano(TimeUnix), 1000)
        FROM otel_metrics_exponential_histogram
        WHERE WalSegment IN {segments:Array(UInt64)}
           OR (WalSegment = 0 AND ReceivedAt >= fromUnixTimestamp64Micro({direct_from:Int64}, 'UTC')
                              AND ReceivedAt < fromUnixTimestamp64Micro({direct_to:Int64}, 'UTC'))
        UNION ALL
        SELECT suture_environment(ResourceAttributes), ServiceName, ReceivedAt,
               toUnixTimestamp64Micro(ReceivedAt), intDiv(toUnixTimestamp64Nano(TimeUnix), 1000)
        FROM otel_metrics_summary
        WHERE WalSegment IN {segments:Array(UInt64)}
           OR (WalSegment = 0 AND ReceivedAt >= fromUnixTimestamp64Micro({direct_from:Int64}, 'UTC')
                              AND ReceivedAt < fromUnixTimestamp64Micro({direct_to:Int64}, 'UTC'))
    )
)
GROUP BY environment, source, heard_minute, seen_minute;

-- name: spread_sources
-- From what a tick counted to who was ever heard from.
INSERT INTO sources
SELECT environment, kind, source, system, min(first_heard_at), max(last_heard_at),
       min(first_seen_at), max(last_seen_at)
FROM source_batches FINAL
WHERE tick = {tick:UInt64}
GROUP BY environment, kind, source, system;

-- name: spread_minutes
-- From what a tick counted to the minutes in which each was heard from.
INSERT INTO source_minutes
SELECT environment, kind, source, system, heard_minute, min(first_heard_at), max(last_heard_at)
FROM source_batches FINAL
WHERE tick = {tick:UInt64}
GROUP BY environment, kind, source, system, heard_minute;

-- name: spread_arrivals
-- From what a tick counted to how much came in which minute.
INSERT INTO source_arrivals
SELECT environment, kind, source, seen_minute, tick, sum(arrived),
       quantilesDDMergeState(0.01, 0.5, 0.95)(lateness), max(lateness_max)
FROM source_batches FINAL
WHERE tick = {tick:UInt64}
GROUP BY environment, kind, source, seen_minute, tick;

-- name: heard
-- When each source was last heard from by some time. Of the minute in which that time lies, only its
-- first and last sign are known.
SELECT kind, source, system,
       max(if(last_heard_at <= asked, last_heard_at, first_heard_at)) AS heard_at
FROM
(
    SELECT kind, source, system, minute, min(first_heard_at) AS first_heard_at,
           max(last_heard_at) AS last_heard_at, fromUnixTimestamp64Micro({at:Int64}, 'UTC') AS asked
    FROM source_minutes
    WHERE environment = {environment:String}
      AND minute <= {last_minute:Int32} AND minute >= {first_minute:Int32}
    GROUP BY kind, source, system, minute
    HAVING first_heard_at <= asked
)
GROUP BY kind, source, system;

-- name: ever_heard
-- Who was ever heard from in an environment, and in between which times.
SELECT kind, source, system, min(first_heard_at) AS first_heard_at, max(last_heard_at) AS last_heard_at
FROM sources
WHERE environment = {environment:String}
GROUP BY kind, source, system;
