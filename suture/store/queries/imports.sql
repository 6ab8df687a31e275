-- name: interrupted_segments
-- Segments of earlier imports of one source whose rows are in, but that nobody finished.
SELECT segment, count() AS rows
FROM milestones
WHERE source = {source:String} AND contract = {contract:String}
  AND segment NOT IN (SELECT segment FROM segments)
GROUP BY segment
ORDER BY segment;

-- name: source_events
-- How many arrivals of one source are stored.
SELECT count() AS events FROM milestones WHERE source = {source:String};

-- name: create_staging
-- A place for one chunk, where the engine computes its keys and hashes as the table of facts does.
CREATE TABLE {staging:Identifier} AS milestones ENGINE = Memory;

-- name: clear_staging
-- Make room for the next chunk.
TRUNCATE TABLE {staging:Identifier};

-- name: stale_staging
-- What imports left that were killed at least a day ago.
SELECT name FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, {prefix:String})
  AND metadata_modification_time < now() - INTERVAL 1 DAY;

-- name: drop_staging
-- The end of an import.
DROP TABLE IF EXISTS {staging:Identifier};

-- name: count_fresh
-- How many distinct versions in the chunk are not stored yet, and how many of their events are not.
SELECT count() AS versions, uniqExactIf(event_key, NOT known_key) AS events
FROM
(
    SELECT DISTINCT event_key, content_hash,
           event_key IN
           (
               SELECT event_key FROM milestones
               WHERE event_key IN (SELECT event_key FROM {staging:Identifier})
                 AND segment IN (SELECT segment FROM segments)
           ) AS known_key
    FROM {staging:Identifier}
)
WHERE (event_key, content_hash) NOT IN
(
    SELECT event_key, content_hash FROM milestones
    WHERE event_key IN (SELECT event_key FROM {staging:Identifier})
      AND segment IN (SELECT segment FROM segments)
)
SETTINGS use_skip_indexes = 0;

-- name: insert_fresh
-- Store every version in the chunk that is not stored yet, once.
INSERT INTO milestones
SELECT * FROM {staging:Identifier}
WHERE (event_key, content_hash) NOT IN
(
    SELECT event_key, content_hash FROM milestones
    WHERE event_key IN (SELECT event_key FROM {staging:Identifier})
      AND segment IN (SELECT segment FROM segments)
)
LIMIT 1 BY event_key, content_hash
SETTINGS use_skip_indexes = 0;
