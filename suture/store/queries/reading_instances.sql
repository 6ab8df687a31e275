-- name: page
-- The keys of one page of instances, newest first, from narrow columns.
SELECT process, anchor
FROM instances FINAL
WHERE environment = {environment:String} AND removed = 0 {{filters}}
ORDER BY started_at DESC, process DESC, anchor DESC
LIMIT {limit:UInt32} OFFSET {offset:UInt32};

-- name: lines
-- The instances with these keys.
SELECT environment, process, process_version, anchor, started_at, start_inferred, last_at, ended_at,
       last_milestone, facets, money, members_count,
       if(status = 'open' AND stall_at <= fromUnixTimestamp64Micro({now:Int64}, 'UTC'), 'stalled', status)
           AS shown_status
FROM instances FINAL
WHERE environment = {environment:String} AND process IN {processes:Array(String)}
  AND anchor IN {anchors:Array(String)} AND removed = 0;

-- name: count
-- How many instances a filter lets through.
SELECT count() AS found
FROM instances FINAL
WHERE environment = {environment:String} AND removed = 0 {{filters}};

-- name: filter_process
-- Of one process.
AND process = {process:String};

-- name: filter_status
-- By the status shown: an open instance that nothing was heard of for long is stalled.
AND if(status = 'open' AND stall_at <= fromUnixTimestamp64Micro({now:Int64}, 'UTC'), 'stalled', status)
    = {status:String};

-- name: filter_started_from
-- Started at or after an instant.
AND started_at >= fromUnixTimestamp64Micro({started_from:Int64}, 'UTC');

-- name: filter_started_to
-- Started before an instant.
AND started_at < fromUnixTimestamp64Micro({started_to:Int64}, 'UTC');

-- name: filter_facets
-- Whose facets have all these values.
AND arrayAll((name, value) -> facets[name] = value,
             {facet_names:Array(String)}, {facet_values:Array(String)});

-- name: filter_after
-- Behind the last instance of the page before.
AND (started_at, toString(process), anchor)
    < (fromUnixTimestamp64Micro({after_started:Int64}, 'UTC'), {after_process:String}, {after_anchor:String});

-- name: filter_object
-- That reach an object of this type and (normalised) id, whatever its scope.
AND (process, anchor) IN
(
    SELECT process, anchor
    FROM reaches FINAL
    WHERE process IN {object_processes:Array(String)} AND removed = 0
      AND startsWith(object, {object_prefix:String})
      AND substring(object, position(object, '|', length({object_prefix:String}) + 1) + 1)
          = {object_id:String}
);

-- name: filter_sla_state
-- Whose worst verdict is this one; `states` are it and all worse ones, worst first. By a hash of the
-- key, since a set of a million texts takes several times as long to build.
AND sipHash64(process, anchor) IN
(
    SELECT sipHash64(process, anchor)
    FROM verdict_states FINAL
    WHERE environment = {environment:String} AND state IN {states:Array(String)} {{verdict_filters}}
    GROUP BY 1
    HAVING min(indexOf({states:Array(String)}, state)) = length({states:Array(String)})
);

-- name: filter_judged
-- With a verdict that is counted within a stretch of time: at its stop, a breach without one at its
-- deadline.
AND sipHash64(process, anchor) IN
(
    SELECT sipHash64(process, anchor)
    FROM verdict_states FINAL
    WHERE environment = {environment:String} AND state IN ('met', 'breached') {{verdict_filters}}
      AND coalesce(completed_at, deadline_at, started_at)
          >= fromUnixTimestamp64Micro({judged_from:Int64}, 'UTC')
      AND coalesce(completed_at, deadline_at, started_at)
          < fromUnixTimestamp64Micro({judged_to:Int64}, 'UTC')
);

-- name: verdicts_of_process
-- Narrows verdicts to one process.
AND process = {process:String};

-- name: verdicts_of_sla
-- Narrows verdicts to one rule.
AND sla = {sla:String};

-- name: filter_duplicates
-- With probable duplicates: few, so they are found by the key.
AND (process, anchor) IN
(
    SELECT process, anchor FROM ({{probable_duplicates}})
);

-- name: probable_duplicates
-- Instances with those that say the same under another id: equal facets and amount (`likeness`), no
-- object in common, at least two milestones reached by both, all that one of them reached among them,
-- and each for the first time within ten minutes of the other. Where more than five others with equal
-- facets and amount started within ten minutes, that is how business is done there, and nobody is
-- meant.
SELECT process, anchor, others
FROM
(
    SELECT process, anchor,
           arrayMap(o -> o.1, arrayFilter(
               o -> o.1 != anchor AND NOT hasAny(o.2, objects)
                    AND length(arrayIntersect(o.3, names)) >= 2
                    AND length(arrayIntersect(o.3, names)) = least(length(o.3), length(names))
                    AND arrayAll((name, at) -> indexOf(o.3, name) = 0
                                     OR abs(o.4[indexOf(o.3, name)] - at) <= 600000000,
                                 names, firsts),
               beside)) AS others
    FROM
    (
        SELECT process, anchor, objects, names, firsts,
               groupArray(7)((anchor, objects, names, firsts)) OVER (
                   PARTITION BY process, likeness ORDER BY started
                   RANGE BETWEEN 600000000 PRECEDING AND 600000000 FOLLOWING) AS beside
        FROM
        (
            SELECT toString(process) AS process, anchor, likeness, objects,
                   toUnixTimestamp64Micro(started_at) AS started,
                   CAST(mapKeys(milestone_times), 'Array(String)') AS names,
                   arrayMap(times -> toUnixTimestamp64Micro(times[1]), mapValues(milestone_times))
                       AS firsts
            FROM instances FINAL
            WHERE environment = {environment:String} AND removed = 0 AND likeness != 0
              {{candidates}}
        )
    )
    WHERE length(beside) BETWEEN 2 AND 6
)
WHERE notEmpty(others);

-- name: candidates_all
-- All that share facets and amount with some other that started about when they did. From narrow
-- columns, and by the key, so that few rows are read whole; rows that were replaced only add to it.
AND anchor IN
(
    SELECT anchor FROM instances
    WHERE environment = {environment:String} AND likeness IN
    (
        SELECT likeness
        FROM
        (
            SELECT likeness, cityHash64(anchor) AS one,
                   intDiv(toUnixTimestamp64Micro(started_at), 600000000) AS stretch
            FROM instances
            WHERE environment = {environment:String} AND likeness != 0
        )
        ARRAY JOIN [stretch, stretch + 1] AS around
        GROUP BY likeness, around
        HAVING min(one) != max(one)
    )
);

-- name: candidates_of_one
-- One instance, and what shares its facets and amount.
AND process = {process:String} AND anchor IN
(
    SELECT anchor FROM instances
    WHERE environment = {environment:String} AND process = {process:String}
      AND likeness = {likeness:UInt64}
);

-- name: duplicates_of_one
-- The probable duplicates of one instance.
SELECT arraySort(others) AS others FROM ({{probable_duplicates}}) WHERE anchor = {anchor:String};

-- name: worst_states
-- The worst verdict of each of these instances.
SELECT process, anchor, {order:Array(String)}[min(indexOf({order:Array(String)}, state))] AS worst
FROM verdict_states FINAL
WHERE environment = {environment:String} AND process IN {processes:Array(String)}
  AND anchor IN {anchors:Array(String)}
GROUP BY process, anchor;

-- name: one
-- One instance by its key.
SELECT environment, process, process_version, anchor, started_at, start_inferred, last_at, ended_at,
       likeness, last_milestone, facets, facet_history, money, members_count, objects, trace_ids,
       if(status = 'open' AND stall_at <= fromUnixTimestamp64Micro({now:Int64}, 'UTC'), 'stalled', status)
           AS shown_status
FROM instances FINAL
WHERE environment = {environment:String} AND process = {process:String} AND anchor = {anchor:String}
  AND removed = 0;

-- name: members
-- The events of one instance.
SELECT milestone, occurred_at, recorded_at, sequence, source, id, system, outcome, reason, trace_id,
       objects
FROM members FINAL
WHERE process = {process:String} AND anchor = {anchor:String} AND removed = 0
ORDER BY occurred_at, sequence, indexOf({declared:Array(String)}, milestone), source, id;

-- name: links
-- Accepted relations between objects of one instance, each with its best evidence.
SELECT from_object, to_object, count() AS evidence_count,
       arraySort(groupUniqArray(kind)) AS kinds,
       argMin(tuple(kind, source, id, occurred_at),
              tuple(indexOf(['operator', 'event', 'trace'], kind), occurred_at, source, id)) AS best
FROM links FINAL
WHERE process = {process:String} AND from_object IN {objects:Array(String)}
  AND to_object IN {objects:Array(String)} AND removed = 0 AND unsure = 0
  AND (from_object, to_object) NOT IN
  (
      SELECT from_object, to_object FROM ambiguous_links FINAL
      WHERE process = {process:String} AND from_object IN {objects:Array(String)} AND state != ''
  )
GROUP BY from_object, to_object
ORDER BY from_object, to_object;

-- name: facet_values
-- The values a facet takes, most frequent first.
SELECT facets[{facet:String}] AS value, count() AS found
FROM instances FINAL
WHERE environment = {environment:String} AND removed = 0 AND value != '' {{filters}}
GROUP BY value
ORDER BY found DESC, value
LIMIT {limit:UInt32};
