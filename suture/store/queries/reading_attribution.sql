-- name: one
-- The attribution of one instance.
SELECT piece_start, piece_end, piece_from, piece_to, piece_cause, piece_system, piece_why,
       piece_evidence, tail_since, tail_from, tail_cause, tail_system, tail_why, tail_evidence,
       planned_start, planned_end, planned_system, planned_why, planned_evidence, error_types,
       rules, change
FROM attributions FINAL
WHERE environment = {environment:String} AND process = {process:String} AND anchor = {anchor:String}
  AND removed = 0;

-- name: some
-- The attributions of some instances.
SELECT toString(process) AS process, anchor,
       piece_start, piece_end, piece_from, piece_to, piece_cause, piece_system, piece_why,
       piece_evidence, tail_since, tail_from, tail_cause, tail_system, tail_why, tail_evidence,
       planned_start, planned_end, planned_system, planned_why, planned_evidence, error_types
FROM attributions FINAL
WHERE environment = {environment:String} AND process IN {processes:Array(String)}
  AND anchor IN {anchors:Array(String)} AND removed = 0;

-- name: shares
-- Where the time of some instances went, by whatever {{group}} says and by cause: each group, each
-- cause of it, and all together, in one statement, so that they add up whatever is written meanwhile.
-- The tail of an open instance runs to now: what of it is planned is cut out of what it rests on. A
-- piece of an open instance that lies beyond now (a clock that is ahead) does not count yet.
SELECT {{group}} cause, sum(micros) AS micros, uniqExact(process, anchor) AS instances,
       {{grouped}} AS grouped, grouping(cause) = 0 AS by_cause
FROM
(
    SELECT process, anchor, facets, tupleElement(part, 1) AS from_milestone,
           tupleElement(part, 2) AS to_milestone, tupleElement(part, 3) AS cause,
           tupleElement(part, 4) AS system, tupleElement(part, 5) AS micros
    FROM
    (
        SELECT process, anchor, facets, {now:Int64} AS now,
               arrayMap((s, e) -> greatest(0, least(e, now) - greatest(s, ifNull(tail_since, now))),
                        planned_start, planned_end) AS planned,
               arrayConcat(
                   arrayMap((s, e, f, t, c, y) -> (toString(f), toString(t), toString(c), toString(y),
                                greatest(0, if(isNull(tail_since), e, least(e, now)) - s)),
                            piece_start, piece_end, piece_from, piece_to, piece_cause, piece_system),
                   arrayMap((y, m) -> (toString(tail_from), '', 'planned_wait', toString(y), m),
                            planned_system, planned),
                   [(toString(tail_from), '', toString(tail_cause), toString(tail_system),
                     greatest(0, now - ifNull(tail_since, now)) - arraySum(planned))]) AS parts
        FROM attributions FINAL
        WHERE environment = {environment:String} AND removed = 0 {{filters}}
    )
    ARRAY JOIN parts AS part
    WHERE tupleElement(part, 5) > 0
)
GROUP BY GROUPING SETS ({{sets}})
ORDER BY micros DESC, {{by}} cause;

-- name: filter_process
-- Of one process.
AND process = {process:String};

-- name: filter_from
-- Started at or after an instant.
AND started_at >= fromUnixTimestamp64Micro({started_from:Int64}, 'UTC');

-- name: filter_to
-- Started before an instant.
AND started_at < fromUnixTimestamp64Micro({started_to:Int64}, 'UTC');

-- name: features
-- How many instances have each feature, and how many of those were late: facets, systems and error
-- types of their traces. A feature is (kind, name, value).
SELECT feature.1 AS kind, feature.2 AS name, feature.3 AS value, count() AS instances,
       countIf(late) AS late_instances
FROM
(
    SELECT sipHash64(process, anchor) IN
           (
               SELECT sipHash64(process, anchor) FROM verdict_states FINAL
               WHERE environment = {environment:String} AND state = 'breached'
           ) AS late,
           arrayDistinct(arrayConcat(
               [('all', '', '')],
               arrayMap(k -> ('facet', toString(k), facets[k]), mapKeys(facets)),
               arrayMap(y -> ('system', 'system', toString(y)),
                        arrayFilter(y -> y != '', arrayDistinct(piece_system))),
               arrayMap(e -> ('error', 'error type', toString(e)), error_types))) AS features
    FROM attributions FINAL
    WHERE environment = {environment:String} AND removed = 0 {{filters}}
)
ARRAY JOIN features AS feature
GROUP BY kind, name, value
HAVING kind = 'all' OR late_instances >= {least:UInt32}
ORDER BY late_instances DESC, kind, name, value
LIMIT {limit:UInt32};
