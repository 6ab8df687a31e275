-- name: drop_space
-- The database of an earlier rebuild, finished or killed.
DROP DATABASE IF EXISTS {{space}} SYNC;

-- name: view_of_live
-- A table of the live database, seen from the space.
CREATE VIEW {{table}} AS SELECT * FROM {{live}}.{{table}};

-- name: view_of_stitched
-- Of the loaded segments those that are stitched, for a rebuild that leaves some processes as they are:
-- what they have not seen yet stays new to all.
CREATE OR REPLACE VIEW segments AS SELECT * FROM {{live}}.segments
WHERE segment IN
(
    SELECT loaded.segment
    FROM {{live}}.segments AS loaded
    INNER JOIN
    (
        SELECT stream, position FROM {{live}}.cursors FINAL WHERE stage = 'correlator'
    ) AS stitched ON loaded.stream = stitched.stream
    WHERE loaded.sequence <= stitched.position
);

-- name: copy_kept
-- Rows of processes that are not rebuilt.
INSERT INTO {{table}} SELECT * FROM {{live}}.{{table}}
WHERE process IN {kept:Array(String)};

-- name: keep_carriers
-- What traces carry of object types that only processes which are left as they are lead to.
INSERT INTO trace_carriers SELECT * FROM {{live}}.trace_carriers
WHERE splitByChar('|', object)[2] NOT IN
      (SELECT splitByChar('|', rebuilt.object)[2] FROM trace_carriers AS rebuilt);

-- name: mark_lost
-- Instances that stand live and no longer come out of the facts.
INSERT INTO instances (environment, process, anchor, removed, change)
SELECT environment, process, anchor, 1, {change:UInt64}
FROM {{live}}.instances FINAL
WHERE removed = 0
  AND (environment, process, anchor) NOT IN (SELECT environment, process, anchor FROM instances);

-- name: announce_lost
-- Tell later stages of them.
INSERT INTO instance_changes (change, environment, process, anchor)
SELECT change, environment, process, anchor FROM instances WHERE change = {change:UInt64};

-- name: begin_plan
-- Where the swap is written down before it begins.
CREATE TABLE IF NOT EXISTS {{space}}.swap_plan (name String, rebuilt UUID)
ENGINE = MergeTree ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- name: plan_swap
-- The rebuilt tables, by what they are called and by what they are whatever they are called. One
-- insert, so a plan is there as a whole or not at all.
INSERT INTO {{space}}.swap_plan
SELECT name, uuid FROM system.tables
WHERE database = {space:String} AND name IN {tables:Array(String)};

-- name: plan_exists
-- Whether an earlier rebuild came as far as where plans are written down.
SELECT count() AS found FROM system.tables
WHERE database = {space:String} AND name = 'swap_plan';

-- name: still_to_swap
-- Planned tables, and whether they are not yet in place.
SELECT plan.name AS name, live.uuid != plan.rebuilt AS waits
FROM {{space}}.swap_plan AS plan
INNER JOIN (SELECT name, uuid FROM system.tables WHERE database = {live:String}) AS live
    ON plan.name = live.name
ORDER BY name;

-- name: swap_table
-- Put the rebuilt table in place.
EXCHANGE TABLES {{live}}.{{table}} AND {{space}}.{{table}};

-- name: announce_changes
-- Later stages follow the rebuilt changes like any others.
INSERT INTO {{live}}.instance_changes SELECT * FROM {{space}}.instance_changes;

-- name: hand_over_cursors
-- Where the rebuild has read to. Not how many decisions it has seen: the next tick takes all of them
-- where there are new ones, since a process that was left as it is has not seen these.
INSERT INTO {{live}}.cursors SELECT * FROM {{space}}.cursors FINAL
WHERE stage != 'correlator-decisions';

-- name: count_instances
-- How many instances stand.
SELECT count() AS found FROM instances FINAL WHERE removed = 0;
