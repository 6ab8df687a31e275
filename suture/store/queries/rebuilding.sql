-- name: drop_space
-- The database of an earlier rebuild, finished or killed.
DROP DATABASE IF EXISTS {{space}} SYNC;

-- name: drop_own_table
-- Facts are not rebuilt: the space sees those of the live database.
DROP TABLE {{table}} SYNC;

-- name: view_of_live
-- A table of the live database, seen from the space.
CREATE VIEW {{table}} AS SELECT * FROM {{live}}.{{table}};

-- name: copy_kept
-- Rows of processes that are not rebuilt.
INSERT INTO {{table}} SELECT * FROM {{live}}.{{table}}
WHERE process IN {kept:Array(String)};

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

-- name: swap_table
-- Put the rebuilt table in place.
EXCHANGE TABLES {{live}}.{{table}} AND {{space}}.{{table}};

-- name: announce_changes
-- Later stages follow the rebuilt changes like any others.
INSERT INTO {{live}}.instance_changes SELECT * FROM instance_changes;

-- name: hand_over_cursors
-- Where the rebuild has read to.
INSERT INTO {{live}}.cursors SELECT * FROM cursors FINAL;

-- name: count_instances
-- How many instances stand.
SELECT count() AS found FROM instances FINAL WHERE removed = 0;
