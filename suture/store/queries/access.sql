-- name: create_keys
-- One line per key, never removed: the list is the record of who could come in. Times are
-- microseconds since 1970; a rate that is null does not limit.
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    requests_per_second REAL,
    bytes_per_second REAL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    revoked_by TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

-- name: create_secrets
-- The secrets of a key, hashed. The last is its own; one before it is good until it expires.
CREATE TABLE IF NOT EXISTS secrets (
    key_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    salt BLOB NOT NULL,
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (key_id, number)
) WITHOUT ROWID;

-- name: create_uses
-- When a key was last used, written every so often.
CREATE TABLE IF NOT EXISTS uses (
    key_id TEXT PRIMARY KEY,
    last_used_at INTEGER NOT NULL
) WITHOUT ROWID;

-- name: add_key
-- A new key.
INSERT INTO keys (
    id, name, scopes, requests_per_second, bytes_per_second, created_at, created_by, expires_at
) VALUES (
    :id, :name, :scopes, :requests_per_second, :bytes_per_second, :created_at, :created_by,
    :expires_at
);

-- name: add_secret
-- A new secret of a key, after those it had.
INSERT INTO secrets (key_id, number, salt, digest, created_at, created_by)
SELECT :key_id, coalesce(max(number), 0) + 1, :salt, :digest, :created_at, :created_by
FROM secrets
WHERE key_id = :key_id;

-- name: expire_secrets
-- End the present secrets of a key at some time, unless they end before it.
UPDATE secrets
SET expires_at = min(coalesce(expires_at, :expires_at), :expires_at)
WHERE key_id = :key_id;

-- name: revoke_key
-- End a key for good.
UPDATE keys SET revoked_at = :revoked_at, revoked_by = :revoked_by
WHERE id = :id AND revoked_at IS NULL;

-- name: note_use
-- When a key was last used; never earlier than what is known.
INSERT INTO uses (key_id, last_used_at) VALUES (:key_id, :last_used_at)
ON CONFLICT (key_id) DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at);

-- name: keys
-- All keys in the order they were made, with their last use and their last two secrets' times.
SELECT
    keys.id, keys.name, keys.scopes, keys.requests_per_second, keys.bytes_per_second,
    keys.created_at, keys.created_by, keys.expires_at, keys.revoked_at, keys.revoked_by,
    uses.last_used_at,
    (SELECT max(s.created_at) FROM secrets AS s WHERE s.key_id = keys.id AND s.number > 1),
    (SELECT max(s.expires_at) FROM secrets AS s WHERE s.key_id = keys.id)
FROM keys
LEFT JOIN uses ON uses.key_id = keys.id
ORDER BY keys.created_at, keys.id;

-- name: secrets
-- The secrets of all keys.
SELECT key_id, number, salt, digest, expires_at FROM secrets ORDER BY key_id, number DESC;
