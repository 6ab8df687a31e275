-- name: record_exists
-- Whether any migration was ever recorded here.
SELECT name FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations';

-- name: recorded
-- The migrations that were applied.
SELECT number, name, checksum, applied_at FROM schema_migrations FINAL ORDER BY number;

-- name: definitions
-- How tables stand now, to compare their retention with the setting.
SELECT name, create_table_query AS definition
FROM system.tables
WHERE database = currentDatabase() AND name IN {tables:Array(String)};

-- name: create_database
-- The database on every node of a cluster; on one node the store has created it already.
CREATE DATABASE IF NOT EXISTS `{{database}}` {{on_cluster}};

-- name: modify_retention
-- Another retention for an existing table; parts that are there already follow in the background.
ALTER TABLE `{{table}}` {{on_cluster}} MODIFY TTL {{clause}};
