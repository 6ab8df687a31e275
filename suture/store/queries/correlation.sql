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
SELECT event_key, segment, environment, milestone, system, source, id, occurred_at, recorded_at,
       sequence, outcome, reason, trace_id, span_id, content_hash,
       object_types, object_ids,
       arrayFilter(name -> mapContains(attributes, name), {carried:Array(String)}) AS carried_names,
       arrayMap(name -> attributes[name], carried_names) AS carried_values,
       arrayMap(name -> attributes[name], {scopes:Array(String)}) AS scope_values
FROM milestones
WHERE segment IN {segments:Array(UInt64)};

-- name: facts_of_events
-- Every version of some events, as facts_of_segments gives them.
SELECT event_key, segment, environment, milestone, system, source, id, occurred_at, recorded_at,
       sequence, outcome, reason, trace_id, span_id, content_hash,
       object_types, object_ids,
       arrayFilter(name -> mapContains(attributes, name), {carried:Array(String)}) AS carried_names,
       arrayMap(name -> attributes[name], carried_names) AS carried_values,
       arrayMap(name -> attributes[name], {scopes:Array(String)}) AS scope_values
FROM milestones
WHERE event_key IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: identities
-- The versions that count so far of the looked-up events.
SELECT event_key,
       argMax(tuple(occurred_at, content_hash, trace_id), version) AS counted,
       counted.1 AS known_at, counted.2 AS known_hash, counted.3 AS known_trace
FROM identities
WHERE event_hash IN (SELECT reinterpretAsUInt64(unhex(substring(key, 1, 16))) FROM lookup_keys)
  AND event_key IN (SELECT key FROM lookup_keys)
GROUP BY event_key
SETTINGS max_threads = 1;

-- name: reaches_of_objects
-- Which anchors the looked-up objects belong to.
SELECT process, object, anchor
FROM reaches
WHERE object IN (SELECT key FROM lookup_keys)
GROUP BY process, object, anchor
HAVING argMax(removed, version) = 0
SETTINGS max_threads = 1;

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
)
SETTINGS max_threads = 1;

-- name: events_about_objects
-- The facts about the looked-up objects that count, once for each object, as facts_of_segments gives
-- them. They are found by the facts' own key, since that is what makes the index speak.
SELECT about.object AS object,
       event_key, segment, environment, milestone, system, source, id, occurred_at, recorded_at,
       sequence, outcome, reason, trace_id, content_hash,
       object_types, object_ids,
       arrayFilter(name -> mapContains(attributes, name), {carried:Array(String)}) AS carried_names,
       arrayMap(name -> attributes[name], carried_names) AS carried_values,
       arrayMap(name -> attributes[name], {scopes:Array(String)}) AS scope_values
FROM
(
    SELECT * FROM milestones
    WHERE (segment, event_key) IN
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
SETTINGS max_threads = 1;

-- name: members_of_anchors
-- What instances are made of: the members of the looked-up anchors, in all processes.
SELECT process, anchor, event_key, milestone, source, id, occurred_at, sequence, outcome, trace_id,
       carried_names, carried_values
FROM
(
    SELECT *
    FROM members
    WHERE anchor IN (SELECT key FROM lookup_keys)
    ORDER BY anchor, process, event_key, version DESC
    LIMIT 1 BY anchor, process, event_key
)
WHERE removed = 0
SETTINGS max_threads = 1;

-- name: reaches_of_anchors
-- What the looked-up anchors reach, in all processes, and what they ceased to reach in a tick that may
-- have been killed before it said so elsewhere.
SELECT process, object, anchor
FROM reached_objects
WHERE anchor IN (SELECT key FROM lookup_keys)
GROUP BY process, object, anchor
HAVING argMax(reached_objects.removed, reached_objects.version) = 0
    OR max(reached_objects.version) >= {lost_since:UInt64}
SETTINGS max_threads = 1;
