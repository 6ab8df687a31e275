-- name: database_exists
-- Whether a database is there; asked first, since not every account may create one.
SELECT name FROM system.databases WHERE name = {database:String};

-- name: create_embedded_database
-- A database on the embedded engine, whose default kind refuses some views.
CREATE DATABASE IF NOT EXISTS {database:Identifier} ENGINE = Atomic;

-- name: create_database
-- A database on a server, of the kind the server prefers.
CREATE DATABASE IF NOT EXISTS {database:Identifier};

-- name: drop_database
-- The end of a test's database.
DROP DATABASE IF EXISTS {database:Identifier} SYNC;

-- name: tables_with_rows
-- What a test left behind.
SELECT name FROM system.tables
WHERE database = currentDatabase() AND total_rows > 0 AND name != 'schema_migrations';

-- name: truncate
-- Empty a table between two tests.
TRUNCATE TABLE IF EXISTS {table:Identifier} SYNC;

-- name: keys_in_table
-- Fragment: where statements find the keys of a look-up.
FROM lookup_keys;

-- name: keys_in_parameter
-- Fragment: the same where the keys are a parameter.
FROM (SELECT arrayJoin({lookup_keys:Array(String)}) AS key);

-- name: among_rows
-- Fragment: how statements ask for what is among them.
IN (SELECT key FROM lookup_keys);

-- name: among_items
-- Fragment: the same where the keys are a parameter, which is planned faster than a query for them.
-- As it stands and no function of it: only then the primary key is used.
IN {lookup_keys:Array(String)};

-- name: begin_lookup
-- Keys of the look-up under way, seen by this connection only.
CREATE OR REPLACE TEMPORARY TABLE lookup_keys (key String) ENGINE = Memory;

-- name: end_lookup
-- Give the memory of the keys back.
DROP TEMPORARY TABLE IF EXISTS lookup_keys;

-- name: cancel_reads
-- Stop the queries of this process, when it must not wait for them any longer.
KILL QUERY WHERE query_kind = 'Select' ASYNC;
