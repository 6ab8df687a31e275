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

-- name: facts_of_found_events
-- The looked-up events in just the segments where they were found, as facts_of_segments gives them.
SELECT event_key, segment, environment, milestone, system, source, id, occurred_at, recorded_at,
       sequence, outcome, reason, trace_id, content_hash,
       object_types, object_ids,
       arrayFilter(name -> mapContains(attributes, name), {carried:Array(String)}) AS carried_names,
       arrayMap(name -> attributes[name], carried_names) AS carried_values,
       arrayMap(name -> attributes[name], {scopes:Array(String)}) AS scope_values
FROM milestones
WHERE segment IN {segments:Array(UInt64)} AND event_key IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- From here on every row is read, and the last of each key is told apart by whoever asked: to plan that
-- takes the engine longer than to read the rows of a tick.

-- name: identities
-- The versions of the looked-up events that counted.
SELECT event_key, occurred_at AS known_at, content_hash AS known_hash, trace_id AS known_trace, version
FROM identities
WHERE event_hash IN (SELECT reinterpretAsUInt64(unhex(substring(key, 1, 16))) FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: reaches_of_objects
-- Which anchors the looked-up objects belong to.
SELECT process, object, anchor, removed, version
FROM reaches
WHERE object IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: links_from_objects
-- Where the looked-up objects lead on to, by each piece of evidence.
SELECT process, from_object, to_object, kind, event_key, removed, version
FROM links
WHERE from_object IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: events_about_objects
-- In which segments the events about the looked-up objects are found.
SELECT object, event_key, segment, removed, version
FROM event_objects
WHERE object IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: members_of_anchors
-- What instances are made of: the members of the looked-up anchors, in all processes.
SELECT process, anchor, event_key, milestone, source, id, occurred_at, sequence, outcome, trace_id,
       carried_names, carried_values, removed, version
FROM members
WHERE anchor IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: reaches_of_anchors
-- What the looked-up anchors reach, in all processes.
SELECT process, object, anchor, removed, version
FROM reached_objects
WHERE anchor IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;
