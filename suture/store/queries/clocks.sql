-- name: sample_calls
-- Both sides of calls, of up to {traces} traces a minute per service and side: those whose ids hash
-- lowest, so that both sides of a call are chosen by the same measure, whenever and wherever they come.
INSERT INTO clock_spans
SELECT trace_id, call_id, span_id, side, environment, service, started_nanos, ended_nanos,
       {tick:UInt64} AS tick, {now:DateTime('UTC')} AS sampled_at
FROM
(
    SELECT *, dense_rank() OVER (
               PARTITION BY environment, service, side, intDiv(started_nanos, 60000000000)
               ORDER BY cityHash64(trace_id), trace_id) AS place
    FROM
    (
        SELECT TraceId AS trace_id, SpanId AS span_id,
               if(SpanKind IN ('Client', 'SPAN_KIND_CLIENT'), 'client', 'server') AS side,
               if(side = 'client', SpanId, ParentSpanId) AS call_id,
               suture_environment(ResourceAttributes) AS environment, ServiceName AS service,
               toUnixTimestamp64Nano(Timestamp) AS started_nanos,
               started_nanos + toInt64(Duration) AS ended_nanos
        FROM otel_traces
        WHERE (WalSegment IN {segments:Array(UInt64)}
               OR (WalSegment = 0 AND ReceivedAt >= fromUnixTimestamp64Micro({direct_from:Int64}, 'UTC')
                                  AND ReceivedAt < fromUnixTimestamp64Micro({direct_to:Int64}, 'UTC')))
          AND (SpanKind IN ('Client', 'SPAN_KIND_CLIENT')
               OR (SpanKind IN ('Server', 'SPAN_KIND_SERVER') AND ParentSpanId != ''))
          AND TraceId != ''
    )
)
WHERE place <= {traces:UInt32};

-- name: pair_calls
-- Calls one side of which came with this tick and the other with it or before. A server's span that
-- does not fit into its caller's (a caller that gave up) says nothing about the clocks. Microseconds
-- are rounded outwards.
INSERT INTO clock_pairs
SELECT environment, intDiv(client_started - positiveModulo(client_started, 3600000000000), 3600000000000),
       client, server, trace_id, call_id, span_id,
       intDiv(lower_nanos - positiveModulo(lower_nanos, 1000), 1000),
       intDiv(upper_nanos + positiveModulo(-upper_nanos, 1000), 1000),
       {tick:UInt64}, {now:DateTime('UTC')}
FROM
(
    SELECT c.environment AS environment, c.service AS client, s.service AS server,
           c.trace_id AS trace_id, c.call_id AS call_id, s.span_id AS span_id,
           c.started_nanos AS client_started,
           s.ended_nanos - c.ended_nanos AS lower_nanos,
           s.started_nanos - c.started_nanos AS upper_nanos
    FROM
    (
        SELECT * FROM clock_spans FINAL
        WHERE side = 'client' AND trace_id IN (SELECT trace_id FROM clock_spans WHERE tick = {tick:UInt64})
    ) AS c
    INNER JOIN
    (
        SELECT * FROM clock_spans FINAL
        WHERE side = 'server' AND trace_id IN (SELECT trace_id FROM clock_spans WHERE tick = {tick:UInt64})
    ) AS s ON c.trace_id = s.trace_id AND c.call_id = s.call_id
    WHERE c.service != s.service AND c.environment = s.environment
      AND (c.tick = {tick:UInt64} OR s.tick = {tick:UInt64})
)
WHERE lower_nanos <= upper_nanos;

-- name: touched_bounds
-- The tightest bounds of every edge in the hours that got new pairs with this tick.
SELECT environment, hour, client, server, any(found) AS pairs,
       groupArray(lower_micros) AS lowers, groupArray(upper_micros) AS uppers
FROM
(
    SELECT environment, hour, client, server, lower_micros, upper_micros,
           count() OVER (PARTITION BY environment, hour, client, server) AS found
    FROM clock_pairs FINAL
    WHERE (environment, hour) IN
          (SELECT DISTINCT environment, hour FROM clock_pairs WHERE tick = {tick:UInt64})
    ORDER BY upper_micros - lower_micros, lower_micros
    LIMIT {most:UInt32} BY environment, hour, client, server
)
GROUP BY environment, hour, client, server
ORDER BY environment, hour, client, server;

-- name: edges
-- The estimates of every edge in some hours of an environment.
SELECT hour, client, server, lower_micros, upper_micros, pairs, used, agreeing FROM clock_edges FINAL
WHERE environment = {environment:String} AND hour IN {hours:Array(Int32)}
ORDER BY hour, client, server;
