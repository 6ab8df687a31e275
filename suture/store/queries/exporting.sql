-- name: count
-- How many instances a filter lets through.
SELECT count() AS found
FROM instances FINAL
WHERE environment = {environment:String} AND process = {process:String} AND removed = 0 {{filters}};

-- name: instances
-- The next instances of one process, in the order of their keys.
SELECT anchor, toUnixTimestamp64Micro(started_at) AS started, toUnixTimestamp64Micro(ended_at) AS ended,
       if(status = 'open' AND stall_at <= fromUnixTimestamp64Micro({now:Int64}, 'UTC'), 'stalled', status)
           AS shown_status,
       CAST(mapKeys(facets), 'Array(String)') AS facet_names, mapValues(facets) AS facet_values,
       facet_history, money, objects, members_count
FROM instances FINAL
WHERE environment = {environment:String} AND process = {process:String} AND removed = 0
  AND anchor > {after:String} {{filters}}
ORDER BY anchor
LIMIT {limit:UInt32};

-- name: filter_from
-- Started at or after an instant.
AND started_at >= fromUnixTimestamp64Micro({started_from:Int64}, 'UTC');

-- name: filter_to
-- Started before an instant.
AND started_at < fromUnixTimestamp64Micro({started_to:Int64}, 'UTC');

-- name: filter_facets
-- Whose facets have all these values.
AND arrayAll((name, value) -> facets[name] = value,
             {facet_names:Array(String)}, {facet_values:Array(String)});

-- name: events
-- The events of the looked-up instances of one process, each once.
SELECT event_key, milestone, toUnixTimestamp64Micro(occurred_at) AS at, sequence, source, id, system,
       outcome, reason, trace_id, objects
FROM members FINAL
WHERE process = {process:String} AND anchor IN (SELECT key FROM lookup_keys) AND removed = 0
LIMIT 1 BY event_key
SETTINGS max_threads = 2;

-- name: first_mentions
-- The earliest event that names each of the looked-up anchors, whatever its milestone: it decides to
-- which version of the process their instances belong. `objects` are those anchors.
SELECT first.1 AS event_key, first.2 AS milestone, first.3 AS at, first.4 AS sequence,
       first.5 AS source, first.6 AS id, first.7 AS system, first.8 AS outcome, first.9 AS reason,
       first.10 AS trace_id, groupArray(object) AS objects
FROM
(
    SELECT about.object AS object,
           argMin(tuple(event_key, toString(milestone), toUnixTimestamp64Micro(occurred_at), sequence,
                        toString(source), id, toString(system), toString(outcome), reason, trace_id),
                  tuple(occurred_at, content_hash, event_key)) AS first
    FROM
    (
        SELECT * FROM milestones WHERE (segment, event_key) IN
        (
            SELECT segment, event_key FROM event_objects
            WHERE object IN (SELECT key FROM lookup_keys)
        )
    ) AS facts
    INNER JOIN
    (
        SELECT object, event_key, argMax(event_objects.segment, version) AS segment
        FROM event_objects
        WHERE object IN (SELECT key FROM lookup_keys)
        GROUP BY object, event_key
        HAVING argMax(removed, version) = 0
    ) AS about USING (segment, event_key)
    GROUP BY object
)
GROUP BY first
SETTINGS max_threads = 2;

-- name: attributes
-- The attributes of the events about the looked-up objects. Of several contents under one identity
-- that of the smallest (time, hash) counts.
SELECT event_key,
       argMin(CAST(mapKeys(attributes), 'Array(String)'), (occurred_at, content_hash)) AS names,
       argMin(mapValues(attributes), (occurred_at, content_hash)) AS values
FROM milestones
WHERE (segment, event_key) IN
(
    SELECT segment, event_key FROM event_objects WHERE object IN (SELECT key FROM lookup_keys)
)
GROUP BY event_key
SETTINGS max_threads = 2;

-- name: links
-- Where the looked-up objects lead on to: accepted pairs.
SELECT DISTINCT from_object, to_object
FROM links FINAL
WHERE process = {process:String} AND from_object IN (SELECT key FROM lookup_keys) AND removed = 0
  AND unsure = 0
  AND (from_object, to_object) NOT IN
  (
      SELECT from_object, to_object FROM ambiguous_links FINAL
      WHERE process = {process:String} AND from_object IN (SELECT key FROM lookup_keys) AND state != ''
  )
SETTINGS max_threads = 1;
