-- name: map
-- Which milestone follows which among the members of some instances, and each milestone by itself
-- (`of_node`), in one statement, so that they add up whatever is written meanwhile. An empty name is
-- where instances begin or end. Of a pair: how often, in how many instances, how long it took in all,
-- and median and p95 of that. Of a milestone: how many, in how many instances, how many attempts, the
-- median of their places in a sequence (from 1), and the time to what follows, where anything does.
-- Pairs are aggregated once; a milestone is put together from the pairs that lead on from it.
SELECT from_milestone, to_milestone, grouping(to_milestone) AS of_node, sum(n) AS found,
       sum(first_pairs) AS pair_instances, sum(first_froms) AS node_instances,
       sum(tried) AS attempts, sum(long) AS micros, sum(led) AS followed,
       quantilesExactInclusiveMerge(0.5, 0.95)(tooks) AS took_micros,
       quantileExactInclusiveMerge(0.5)(places) AS median_place
FROM
(
    SELECT from_milestone, to_milestone, count() AS n, countIf(nth_pair = 1) AS first_pairs,
           countIf(nth_from = 1) AS first_froms, countIf(NOT reached) AS tried, sum(took) AS long,
           if(to_milestone = '', 0, n) AS led,
           quantilesExactInclusiveStateIf(0.5, 0.95)(took, to_milestone != '') AS tooks,
           quantileExactInclusiveState(0.5)(place) AS places
    FROM
    (
        SELECT arrayPushFront(path, '') AS froms, arrayPushBack(path, '') AS tos,
               arrayPushBack(arrayDifference(
                   arrayMap(at -> toUnixTimestamp64Micro(at), path_times)), 0) AS tooks_each,
               arrayEnumerateUniq(froms, tos) AS nth_pairs, arrayEnumerateUniq(froms) AS nth_froms,
               arrayPushFront(path_reached, 1) AS reacheds, range(length(froms)) AS places_each
        FROM instances FINAL
        WHERE environment = {environment:String} AND process = {process:String} AND removed = 0
          AND notEmpty(path) {{filters}}
    )
    ARRAY JOIN froms AS from_milestone, tos AS to_milestone, tooks_each AS took,
               nth_pairs AS nth_pair, nth_froms AS nth_from, reacheds AS reached,
               places_each AS place
    GROUP BY from_milestone, to_milestone
)
GROUP BY GROUPING SETS ((from_milestone, to_milestone), (from_milestone))
ORDER BY found DESC, from_milestone, to_milestone;

-- name: variants
-- The different sequences of milestones among some instances, most frequent first, behind a position.
-- A sequence takes from its first milestone to its last. `examples` are the latest started.
SELECT *
FROM
(
    SELECT lower(hex(sipHash128(path))) AS variant, any(path) AS milestones, count() AS found,
           countIf(has(path_reached, 0)) AS attempted,
           countIf(shown_status = 'open') AS open, countIf(shown_status = 'completed') AS completed,
           countIf(shown_status = 'ended') AS ended, countIf(shown_status = 'stalled') AS stalled,
           quantilesExactInclusive(0.5, 0.95)(
               toUnixTimestamp64Micro(path_times[-1]) - toUnixTimestamp64Micro(path_times[1]))
               AS took_micros,
           arrayMap(e -> e.2, groupArraySorted(3)((-toUnixTimestamp64Micro(started_at), anchor)))
               AS examples,
           sum(found) OVER () AS instances, count() OVER () AS variants
    FROM
    (
        SELECT path, path_times, path_reached, started_at, anchor,
               if(status = 'open' AND stall_at <= fromUnixTimestamp64Micro({now:Int64}, 'UTC'),
                  'stalled', status) AS shown_status
        FROM instances FINAL
        WHERE environment = {environment:String} AND process = {process:String} AND removed = 0
          AND notEmpty(path) {{filters}}
    )
    GROUP BY variant
)
WHERE found < {after_found:UInt64} OR (found = {after_found:UInt64} AND variant > {after_variant:String})
ORDER BY found DESC, variant
LIMIT {limit:UInt32};

-- name: conformance
-- Some instances held against the declared order of their versions: all together, and by whatever
-- {{group}} says, in one statement, so that they add up whatever is written meanwhile. Equal
-- ones are looked at once and weighed by their number. `declared` are the milestones that a version
-- declares up to the completing one, without those that end a process early; a place is a position
-- among them. An instance of a version that is declared no more is held against the last. `longest`
-- is how many milestones of an instance stand in the declared order at most: what an optimal
-- alignment keeps.
SELECT {{group}} sum(weight) AS instances,
       sumMap([process_version], [weight]) AS instances_by,
       sumIf(weight, notEmpty(skipped)) AS with_skipped,
       sumIf(weight, notEmpty(out_of_order)) AS with_out_of_order,
       sumIf(weight, start_inferred) AS with_start_inferred,
       sumIf(weight, length(places) > length(visited)) AS with_repeats,
       sumIf(weight, notEmpty(attempts)) AS with_attempts,
       sumIf(weight, empty(skipped) AND empty(out_of_order) AND NOT start_inferred
                     AND length(places) = length(visited)) AS conforming,
       sumIf(weight, alignable > 0) AS rated,
       sumIf(weight * 2 * longest / alignable, alignable > 0) AS fitness_sum,
       sumMap(skipped, arrayMap(x -> weight, skipped)) AS skipped_by,
       sumMap(out_of_order, arrayMap(x -> weight, out_of_order)) AS out_of_order_by,
       sumMap(arrayDistinct(seen), arrayMap(x -> weight, arrayDistinct(seen))) AS reached_by,
       sumMap(arrayDistinct(again), arrayMap(x -> weight, arrayDistinct(again))) AS repeated_by,
       sumMap(again, arrayMap(x -> weight, again)) AS repeats_by,
       sumMap(attempts, arrayMap(x -> weight, attempts)) AS attempts_by
FROM
(
    SELECT *,
           {expected:Array(Array(String))}[held] AS declared,
           {starts_with:Array(Array(String))}[held] AS starts,
           {awaited_places:Array(UInt64)}[held] AS awaited_place,
           arrayFilter((m, ok) -> ok != 0, names, path_reached) AS seen,
           arrayFilter((m, ok) -> ok = 0, names, path_reached) AS attempts,
           arrayFilter((m, nth) -> nth > 1, seen, arrayEnumerateUniq(seen)) AS again,
           arrayFilter(p -> p > 0, arrayMap(m -> indexOf(declared, m), seen)) AS all_places,
           arrayFilter((p, nth) -> nth = 1 OR p != awaited_place,
               all_places, arrayEnumerateUniq(all_places)) AS places,
           arrayDistinct(places) AS visited,
           arrayMap(m -> declared[m], arrayFilter(
               (p, i) -> p < arrayMax(arraySlice(visited, 1, i)),
               visited, arrayEnumerate(visited))) AS out_of_order,
           arrayFilter(
               m -> NOT has(seen, m) AND NOT (has(starts, m) AND hasAny(seen, starts)),
               arraySlice(declared, 1, arrayMax(places))) AS skipped,
           arrayMax(arrayFold(
               (best, p) -> arrayMap(
                   (b, i) -> if(i = p, greatest(b, 1 + arrayMax(arraySlice(best, 1, p - 1))), b),
                   best, arrayEnumerate(best)),
               places, arrayWithConstant(length(declared), toUInt64(0)))) AS longest,
           length(places) + length(visited) + length(skipped) AS alignable
    FROM
    (
        SELECT {{columns}} arrayMap(m -> toString(m), path) AS names, path_reached, start_inferred,
               process_version,
               if(has({versions:Array(UInt32)}, process_version),
                  indexOf({versions:Array(UInt32)}, process_version),
                  length({versions:Array(UInt32)})) AS held,
               count() AS weight
        FROM instances FINAL
        WHERE environment = {environment:String} AND process = {process:String} AND removed = 0
          AND notEmpty(path) {{filters}}
        GROUP BY ALL
    )
)
{{by}};

-- name: by_version
-- The version an instance is held against.
toString(process_version);

-- name: by_day
-- The day (UTC) an instance began.
formatDateTime(started_at, '%Y-%m-%d');

-- name: by_week
-- The Monday (UTC) of the week it began in.
formatDateTime(started_at - toIntervalDay(toDayOfWeek(started_at) - 1), '%Y-%m-%d');

-- name: by_month
-- The first day (UTC) of the month it began in.
formatDateTime(started_at, '%Y-%m-01');
