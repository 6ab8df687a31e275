-- name: ambiguous
-- Pairs of objects that evidence names and that are no link, in the order of their keys.
SELECT process, from_object, to_object, toString(state) AS state
FROM ambiguous_links FINAL
WHERE state IN {states:Array(String)} AND process IN {processes:Array(String)}
  AND startsWith(from_object, {environment:String})
  AND (process, from_object, to_object)
      > ({after_process:String}, {after_from:String}, {after_to:String})
  {{filters}}
ORDER BY process, from_object, to_object
LIMIT {limit:UInt32};

-- name: filter_object
-- That begin or end at an object of this type and (normalised) id, whatever its scope.
AND arrayExists(
    o -> startsWith(o, {object_prefix:String})
         AND substring(o, position(o, '|', length({object_prefix:String}) + 1) + 1)
             = {object_id:String},
    [from_object, to_object]);

-- name: among
-- Pairs that are no link and begin or end at some objects of one process, with the reason.
SELECT process, from_object, to_object, toString(state) AS state
FROM ambiguous_links FINAL
WHERE process = {process:String} AND state != ''
  AND (from_object IN {objects:Array(String)} OR to_object IN {objects:Array(String)})
ORDER BY from_object, to_object
LIMIT {limit:UInt32};

-- name: counts
-- How many pairs are no link, by the reason.
SELECT toString(state) AS state, count() AS found
FROM ambiguous_links FINAL
WHERE state != '' AND process IN {processes:Array(String)}
  AND startsWith(from_object, {environment:String}) {{filters}}
GROUP BY state;

-- name: bearing
-- The anchors of the instances that reach either end of a pair.
SELECT anchor FROM instances FINAL
WHERE environment = {environment:String} AND process = {process:String} AND removed = 0
  AND anchor IN
  (
      SELECT anchor FROM reaches FINAL
      WHERE object IN {objects:Array(String)} AND process = {process:String} AND removed = 0
  )
ORDER BY anchor
LIMIT {limit:UInt32};

-- name: evidence
-- All that supports pairs which begin or end at some objects. Where an object may be led to once,
-- the other table finds them by it.
SELECT DISTINCT process, from_object, to_object, kind, source, id, occurred_at, unsure
FROM
(
    SELECT * FROM links FINAL
    WHERE from_object IN {froms:Array(String)} AND process IN {processes:Array(String)}
      AND removed = 0
    UNION ALL
    SELECT * FROM links_to FINAL
    WHERE to_object IN {tos:Array(String)} AND process IN {processes:Array(String)} AND removed = 0
)
ORDER BY process, from_object, to_object, indexOf(['operator', 'event', 'trace'], kind),
         occurred_at, source, id;

-- name: states
-- Which pairs that begin at some objects are no link, and why.
SELECT process, from_object, to_object, toString(state) AS state
FROM ambiguous_links FINAL
WHERE from_object IN {froms:Array(String)} AND process IN {processes:Array(String)} AND state != '';

-- name: affected
-- How many instances reach either end of each of some pairs, by the pair's place.
SELECT place, uniqExact(anchor) AS anchors
FROM
(
    SELECT process, object, anchor FROM reaches FINAL
    WHERE object IN {froms:Array(String)} AND removed = 0
    UNION ALL
    SELECT process, object, anchor FROM reaches FINAL
    WHERE object IN {tos:Array(String)} AND removed = 0
)
ARRAY JOIN arrayFilter(
    n -> {processes:Array(String)}[n] = process
         AND ({froms:Array(String)}[n] = object OR {tos:Array(String)}[n] = object),
    arrayEnumerate({froms:Array(String)})) AS place
GROUP BY place;

-- name: pairs_from
-- The pairs that lead from an object to objects of a type.
SELECT DISTINCT from_object, to_object FROM links FINAL
WHERE process = {process:String} AND from_object = {object:String}
  AND startsWith(to_object, {prefix:String}) AND removed = 0
ORDER BY to_object;

-- name: pairs_to
-- The pairs that lead to an object from objects of a type. Reads all links, for the rare split.
SELECT DISTINCT from_object, to_object FROM links FINAL
WHERE process = {process:String} AND to_object = {object:String}
  AND startsWith(from_object, {prefix:String}) AND removed = 0
ORDER BY from_object;

-- name: decisions
-- Decisions about links, latest first, each with the one that took it back.
SELECT d.id AS id, d.at AS at, actor, toString(action) AS action, environment, process,
       from_objects, to_objects, undoes, reason, u.undone_by AS undone_by
FROM (SELECT * FROM link_decisions FINAL) AS d
LEFT JOIN
(
    SELECT undoes AS undone, min(id) AS undone_by FROM link_decisions FINAL
    WHERE action = 'undo' GROUP BY undoes
) AS u ON d.id = u.undone
WHERE environment = {environment:String} AND ({process:String} = '' OR process = {process:String})
  AND (d.at, d.id) < (fromUnixTimestamp64Micro({before_at:Int64}, 'UTC'), {before_id:String})
ORDER BY d.at DESC, d.id DESC
LIMIT {limit:UInt32};

-- name: decisions_about
-- Decisions about the pairs that begin or end at two objects, in their order, undoing ones too.
SELECT d.id AS id, d.at AS at, actor, toString(action) AS action, environment, process,
       from_objects, to_objects, undoes, reason, u.undone_by AS undone_by
FROM (SELECT * FROM link_decisions FINAL) AS d
LEFT JOIN
(
    SELECT undoes AS undone, min(id) AS undone_by FROM link_decisions FINAL
    WHERE action = 'undo' GROUP BY undoes
) AS u ON d.id = u.undone
WHERE process = {process:String}
  AND (has(from_objects, {from_object:String}) OR has(to_objects, {to_object:String}))
ORDER BY d.at, d.id;
