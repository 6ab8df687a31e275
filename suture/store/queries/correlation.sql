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
WHERE removed = 0
SETTINGS max_threads = 1;

-- name: reaches_of_anchors
-- What the looked-up anchors reach, in all processes.
SELECT process, object, anchor
FROM reached_objects
WHERE anchor IN (SELECT key FROM lookup_keys)
GROUP BY process, object, anchor
HAVING argMax(removed, version) = 0
SETTINGS max_threads = 1;

-- name: instances_of_anchors
-- The instances of one process at the looked-up anchors, from all their members in the order of an
-- instance: one array for each thing asked of them, all parallel. One thread reads, so grouping keeps
-- that order. A carried attribute is (1 name, 2 value, 3 occurred_at).
SELECT
    replaceAll(replaceAll(key_parts[1], '%7C', '|'), '%25', '%') AS environment,
    {process:String} AS process,
    {version:UInt32} AS process_version,
    anchor,
    replaceAll(replaceAll(key_parts[2], '%7C', '|'), '%25', '%') AS anchor_type,
    replaceAll(replaceAll(key_parts[3], '%7C', '|'), '%25', '%') AS anchor_scope,
    substring(anchor, length(key_parts[1]) + length(key_parts[2]) + length(key_parts[3]) + 4)
        AS anchor_id,
    multiIf(ended_first, 'ended', completed_at IS NOT NULL, 'completed', 'open') AS status,
    started_at,
    NOT has_start AS start_inferred,
    times[-1] AS last_at,
    if(ended_first, other_end, completed_at) AS ended_at,
    last_at + toIntervalSecond({stall_seconds:UInt64}) AS stall_at,
    if(empty(reached), names[-1], reached[-1]) AS last_milestone,
    mapFromArrays(facet_names, arrayMap(f -> arrayLast(c -> c.1 = f, carried).2, facet_names))
        AS facets,
    if(length(carried) = length(facet_names), '{}', concat('{', arrayStringConcat(arrayMap(
        h -> concat(toJSONString(h.1), ':[', arrayStringConcat(arrayMap(
            p -> concat('{"value":', toJSONString(p.1.2), ',"until":"',
                        formatDateTime(p.2.3, '%Y-%m-%dT%H:%i:%S.%fZ'), '"}'),
            h.2), ','), ']'),
        arrayFilter(h -> notEmpty(h.2), arrayMap(
            f -> (f, arrayFilter(p -> p.1.2 != p.2.2, arrayZip(
                arrayPopBack(arrayFilter(c -> c.1 = f, carried)),
                arrayPopFront(arrayFilter(c -> c.1 = f, carried))))),
            facet_names))), ','), '}')) AS facet_history,
    toFloat64OrNull(arrayLast(c -> c.1 = {money:String}, carried).2) AS money,
    arraySort(objects_reached) AS objects,
    arraySort(arrayDistinct(arrayFilter(t -> t != '', traces))) AS trace_ids,
    toUInt32(length(times)) AS members_count,
    names AS path,
    times AS path_times,
    oks AS path_reached,
    mapFromArrays(reached_names, arrayMap(
        n -> arrayFilter((t, r) -> r = n, reached_at, reached), reached_names)) AS milestone_times,
    mapFromArrays(attempt_names, arrayMap(
        n -> arrayFilter((t, a) -> a = n, attempted_at, attempted), attempt_names))
        AS attempt_times
FROM
(
    SELECT
        *,
        splitByChar('|', anchor) AS key_parts,
        arrayFilter((t, ok) -> ok, times, oks) AS reached_at,
        arrayFilter((n, ok) -> ok, names, oks) AS reached,
        arrayFilter((t, ok) -> NOT ok, times, oks) AS attempted_at,
        arrayFilter((n, ok) -> NOT ok, names, oks) AS attempted,
        arrayFirstIndex(n -> has({starts_with:Array(String)}, n), reached) AS start_index,
        start_index > 0 AS has_start,
        if(has_start, reached_at[start_index], times[1]) AS started_at,
        arrayFilter((t, n) -> n = {completes_with:String} AND t >= started_at, reached_at, reached)
            AS completions,
        if({expect_attribute:String} = '', {expect_count:Int64},
           ifNull(toInt64(toFloat64OrNull(
               arrayLast(c -> c.1 = {expect_attribute:String}, carried).2)), 0)) AS expected,
        if(expected >= 1 AND length(completions) >= expected,
           toNullable(completions[expected]), NULL) AS completed_at,
        arrayFirstOrNull(
            (t, n) -> has({ends_with:Array(String)}, n) AND t >= started_at, reached_at, reached)
            AS other_end,
        other_end IS NOT NULL AND (completed_at IS NULL OR other_end < completed_at) AS ended_first,
        arrayFilter(f -> arrayExists(c -> c.1 = f, carried), {facets:Array(String)}) AS facet_names,
        arraySort(arrayDistinct(reached)) AS reached_names,
        arraySort(arrayDistinct(attempted)) AS attempt_names
    FROM
    (
        SELECT
            anchor,
            groupArray(occurred_at) AS times,
            groupArray(milestone) AS names,
            groupArray(outcome = 'ok') AS oks,
            groupArray(trace_id) AS traces,
            groupArrayArray(
                arrayMap((n, v) -> (n, v, occurred_at), carried_names, carried_values)) AS carried
        FROM
        (
            SELECT * FROM members FINAL
            WHERE anchor IN (SELECT key FROM lookup_keys) AND process = {process:String}
              AND removed = 0
            ORDER BY anchor, occurred_at, sequence,
                     indexOf({milestones:Array(String)}, milestone), source, id
        )
        GROUP BY anchor
    )
) AS aggregated
LEFT JOIN
(
    SELECT anchor, groupUniqArray(object) AS objects_reached
    FROM reached_objects FINAL
    WHERE anchor IN (SELECT key FROM lookup_keys) AND process = {process:String} AND removed = 0
    GROUP BY anchor
) AS reach USING (anchor)
ORDER BY anchor
SETTINGS max_threads = 1;
