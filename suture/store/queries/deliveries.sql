-- name: unqueued
-- Alert events that somebody is to be told of and for which no delivery is queued yet.
SELECT alert_id, at, toString(action) AS action, toString(actor) AS actor,
       toString(environment) AS environment, toString(process) AS process, toString(sla) AS sla,
       anchor, toString(severity) AS severity, toString(owner) AS owner, title, breached_at,
       assignee, comment, until, over, notify
FROM alert_events FINAL
WHERE notify AND action IN ('opened', 'reopened', 'resolved')
  AND at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND (at, alert_id) NOT IN
  (
      SELECT queued_at, alert_id FROM deliveries
      WHERE queued_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  )
ORDER BY at, alert_id
LIMIT {limit:UInt32};

-- name: folded
-- Where each delivery stands after its latest attempt; stands inside other queries.
SELECT queued_at, delivery_key,
       any(d.alert_id) AS alert_id, toString(any(d.kind)) AS kind,
       toString(any(d.channel)) AS channel,
       toString(argMax(d.state, d.attempt)) AS state,
       max(d.attempt) AS attempts,
       argMax((d.next_at, d.detail, d.at), d.attempt) AS latest,
       max(d.body) AS body
FROM deliveries AS d
WHERE d.queued_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
GROUP BY d.queued_at, d.delivery_key;

-- name: columns
-- A delivery as its reader wants it; stands inside other queries.
delivery_key AS key, alert_id, kind, channel, queued_at, state, attempts,
latest.1 AS next_at, latest.2 AS detail, body;

-- name: waiting
-- Deliveries that are not finished, oldest first; of each alert and channel only the first, since
-- the end of trouble must not arrive before its start.
SELECT {{columns}}
FROM
(
    SELECT * FROM ({{folded}})
    WHERE state IN ('queued', 'deferred')
    ORDER BY queued_at, delivery_key
    LIMIT 1 BY alert_id, channel
)
WHERE coalesce(latest.1, queued_at) <= fromUnixTimestamp64Micro({now:Int64}, 'UTC')
  AND NOT has({held:Array(String)}, channel)
ORDER BY queued_at, delivery_key
LIMIT {limit:UInt32};

-- name: rows
-- How many rows there are: more with everything that is queued, and with every attempt.
SELECT count() AS rows FROM deliveries;

-- name: oldest_unfinished
-- When the oldest unfinished delivery was queued; no row where none is.
SELECT queued_at
FROM ({{folded}})
WHERE state IN ('queued', 'deferred')
ORDER BY queued_at
LIMIT 1;

-- name: of_alert
-- The deliveries about one alert, oldest first.
SELECT {{columns}}
FROM ({{folded}})
WHERE alert_id = {alert_id:String}
ORDER BY queued_at, delivery_key;

-- name: attempts
-- Every attempt of one delivery, as it was made.
SELECT attempt, toString(state) AS state, at, next_at, detail
FROM deliveries FINAL
WHERE delivery_key = {key:String}
ORDER BY attempt;

-- name: counts
-- How many deliveries stand in each state, by channel.
SELECT channel, state, count() AS deliveries
FROM ({{folded}})
GROUP BY channel, state;
