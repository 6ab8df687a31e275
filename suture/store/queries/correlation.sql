-- name: finished_segments
-- Segments that are loaded and lie beyond what a stage has read of their streams, oldest first.
SELECT s.stream AS stream, s.sequence AS sequence, s.segment AS segment, s.rows AS rows,
       s.signal AS signal, c.position AS position
FROM (SELECT * FROM segments FINAL WHERE signal IN ('milestones', 'traces')) AS s
LEFT JOIN (SELECT stream, position FROM cursors FINAL WHERE stage = {stage:String}) AS c
    ON s.stream = c.stream
WHERE s.sequence > c.position
ORDER BY s.stream, s.sequence
LIMIT {limit:UInt32};

-- name: cursor_position
-- How far a stage has come on one stream; no row where it has not begun.
SELECT max(position) AS position FROM cursors
WHERE stage = {stage:String} AND stream = {stream:UInt64};

-- name: facts_of_segments
-- The milestone facts of some segments, with the attributes that definitions use.
SELECT event_key, environment, milestone, system, source, id, occurred_at, recorded_at, sequence,
       outcome, reason, trace_id, content_hash,
       object_types, object_ids,
       arrayFilter(name -> mapContains(attributes, name), {carried:Array(String)}) AS carried_names,
       arrayMap(name -> attributes[name], carried_names) AS carried_values,
       arrayMap(name -> attributes[name], {scopes:Array(String)}) AS scope_values
FROM milestones
WHERE segment IN {segments:Array(UInt64)};

-- name: facts_of_events
-- Every version of some events, as facts_of_segments gives them.
SELECT event_key, environment, milestone, system, source, id, occurred_at, recorded_at, sequence,
       outcome, reason, trace_id, content_hash,
       object_types, object_ids,
       arrayFilter(name -> mapContains(attributes, name), {carried:Array(String)}) AS carried_names,
       arrayMap(name -> attributes[name], carried_names) AS carried_values,
       arrayMap(name -> attributes[name], {scopes:Array(String)}) AS scope_values
FROM milestones
WHERE event_key IN (SELECT key FROM lookup_keys);

-- name: identities
-- The versions that count so far of the looked-up events.
SELECT event_key,
       argMax(tuple(occurred_at, content_hash, trace_id), version) AS counted,
       counted.1 AS known_at, counted.2 AS known_hash, counted.3 AS known_trace
FROM identities
WHERE event_hash IN (SELECT reinterpretAsUInt64(unhex(substring(key, 1, 16))) FROM lookup_keys)
  AND event_key IN (SELECT key FROM lookup_keys)
GROUP BY event_key;

-- name: reaches_of_objects
-- Which anchors the looked-up objects belong to.
SELECT process, object, anchor
FROM reaches
WHERE object IN (SELECT key FROM lookup_keys)
GROUP BY process, object, anchor
HAVING argMax(removed, version) = 0;

-- name: links_from_objects
-- Where the looked-up objects lead on to. A link holds while any of its evidence does.
SELECT DISTINCT process, from_object, to_object
FROM
(
    SELECT process, from_object, to_object
    FROM links
    WHERE from_object IN (SELECT key FROM lookup_keys)
    GROUP BY process, from_object, to_object, kind, event_key
    HAVING argMax(removed, version) = 0
);

-- name: events_about_objects
-- Earlier events about the looked-up objects.
SELECT * EXCEPT (removed, version)
FROM
(
    SELECT *
    FROM event_objects
    WHERE object IN (SELECT key FROM lookup_keys)
    ORDER BY object, event_key, version DESC
    LIMIT 1 BY object, event_key
)
WHERE removed = 0;

-- name: members_of_anchors
-- The members of the looked-up anchors, in all processes.
SELECT * EXCEPT (removed, version)
FROM
(
    SELECT *
    FROM members
    WHERE anchor IN (SELECT key FROM lookup_keys)
    ORDER BY anchor, process, event_key, version DESC
    LIMIT 1 BY anchor, process, event_key
)
WHERE removed = 0;

-- name: objects_of_anchors
-- The objects that instances of the looked-up anchors reached so far.
SELECT process, anchor, argMax(objects, change) AS known_objects
FROM instances
WHERE environment IN {environments:Array(String)}
  AND process IN {processes:Array(String)}
  AND anchor IN (SELECT key FROM lookup_keys)
GROUP BY process, anchor
HAVING argMax(removed, change) = 0;

-- name: reaches_of_anchors
-- What the looked-up anchors reach, in all processes.
SELECT process, object, anchor
FROM reaches
WHERE anchor IN (SELECT key FROM lookup_keys)
GROUP BY process, object, anchor
HAVING argMax(removed, version) = 0;
