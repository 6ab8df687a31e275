-- Which migrations were applied, with the checksum of the file as it was then. It is the first, since
-- all others are recorded in it.
CREATE TABLE IF NOT EXISTS schema_migrations {{on_cluster}}
(
    number UInt32,
    name String,
    checksum String,
    applied_at DateTime64(6, 'UTC')
)
ENGINE = {{engine ReplacingMergeTree(applied_at)}}
ORDER BY number
SETTINGS {{synced}};
