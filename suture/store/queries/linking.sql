-- name: standing
-- How many decisions about links there are, how many of them are worked in, and whether any pair of
-- objects was ever refused.
SELECT (SELECT uniqExact(id) FROM link_decisions) AS decisions,
       (SELECT max(position) FROM cursors WHERE stage = {stage:String}) AS worked_in,
       (SELECT count() FROM ambiguous_links) AS refusals;

-- name: candidates_from_objects
-- Pairs that begin at the looked-up objects, each with its first-ranked evidence.
SELECT process, from_object, to_object, CAST(min(unsure) = 0, 'Bool') AS sure,
       minIf(rank, unsure = 0) AS best,
       toUInt8(best.1) AS strength, best.2 AS occurred_at, best.3 AS source, best.4 AS id
FROM
(
    SELECT process, from_object, to_object,
           (indexOf(['operator', 'event', 'trace'], kind), counted.1, counted.2, counted.3) AS rank,
           counted.4 AS unsure
    FROM
    (
        SELECT process, from_object, to_object, kind, event_key,
               argMax((occurred_at, source, id, unsure, removed), version) AS counted
        FROM links
        WHERE from_object IN (SELECT key FROM lookup_keys)
        GROUP BY process, from_object, to_object, kind, event_key
    )
    WHERE counted.5 = 0
)
GROUP BY process, from_object, to_object
SETTINGS max_threads = 1;

-- name: candidates_to_objects
-- Pairs that lead to the looked-up objects where that may be so only once, likewise.
SELECT process, from_object, to_object, CAST(min(unsure) = 0, 'Bool') AS sure,
       minIf(rank, unsure = 0) AS best,
       toUInt8(best.1) AS strength, best.2 AS occurred_at, best.3 AS source, best.4 AS id
FROM
(
    SELECT process, from_object, to_object,
           (indexOf(['operator', 'event', 'trace'], kind), counted.1, counted.2, counted.3) AS rank,
           counted.4 AS unsure
    FROM
    (
        SELECT process, from_object, to_object, kind, event_key,
               argMax((occurred_at, source, id, unsure, removed), version) AS counted
        FROM links_to
        WHERE to_object IN (SELECT key FROM lookup_keys)
        GROUP BY process, from_object, to_object, kind, event_key
    )
    WHERE counted.5 = 0
)
GROUP BY process, from_object, to_object
SETTINGS max_threads = 1;

-- name: ambiguous_from_objects
-- Pairs that begin at the looked-up objects and were ever refused, with the tick that said so last.
SELECT process, from_object, to_object, argMax(ambiguous_links.state, ambiguous_links.version) AS state,
       max(ambiguous_links.version) AS version
FROM ambiguous_links
WHERE from_object IN (SELECT key FROM lookup_keys)
GROUP BY process, from_object, to_object
SETTINGS max_threads = 1;

-- name: decisions
-- All that people decided, in its order.
SELECT id, at, actor, toString(action) AS action, process, from_objects, to_objects, undoes
FROM link_decisions FINAL
ORDER BY at, id;

-- name: operator_evidence
-- What decisions ever supported of pairs that begin at the looked-up objects; the tick that wrote it
-- stands in the version.
SELECT process, from_object, to_object, event_key,
       argMax(links.removed, links.version) AS removed,
       argMax(links.unsure, links.version) AS unsure, max(links.version) AS version
FROM links
WHERE kind = 'operator' AND from_object IN (SELECT key FROM lookup_keys)
GROUP BY process, from_object, to_object, event_key
SETTINGS max_threads = 1;
