-- name: create_streams
-- One line per signal: its stream number, the last segment formed, how far records are in segments,
-- and running totals, so that what is pending is known without counting.
CREATE TABLE IF NOT EXISTS streams (
    signal TEXT PRIMARY KEY,
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0,
    formed_to INTEGER NOT NULL DEFAULT 0,
    appended_records INTEGER NOT NULL DEFAULT 0,
    appended_items INTEGER NOT NULL DEFAULT 0,
    appended_bytes INTEGER NOT NULL DEFAULT 0,
    done_records INTEGER NOT NULL DEFAULT 0,
    done_items INTEGER NOT NULL DEFAULT 0,
    done_bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- name: create_records
-- What was accepted and is not loaded yet. The payload stands last, so that reading the other
-- columns touches none of its pages. received_at is microseconds since 1970.
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    signal TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    items INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    refused INTEGER NOT NULL DEFAULT 0,
    payload BLOB NOT NULL
);

-- name: create_records_index
-- Records of one signal in the order of their arrival.
CREATE INDEX IF NOT EXISTS records_of_signal ON records (signal, id);

-- name: create_segments
-- Which records a segment consists of, written before its first insert; gone when all are removed.
CREATE TABLE IF NOT EXISTS segments (
    signal TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 1,
    finished INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (signal, sequence)
) WITHOUT ROWID;

-- name: create_payloads
-- Refused input, whole. The same input refused again is one line; received_at is when it first came.
-- items is what a record of the spool held, 0 for all else. state is open, replayed or discarded:
-- here it decides, so that nothing is replayed twice.
CREATE TABLE IF NOT EXISTS dead_letter_payloads (
    id TEXT PRIMARY KEY,
    received_at INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    items INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'open',
    payload BLOB NOT NULL
);

-- name: create_payloads_index
-- Payloads by age, for their retention, with all that is asked for without reading one.
CREATE INDEX IF NOT EXISTS payloads_by_age ON dead_letter_payloads (received_at, bytes, state, id);

-- name: ensure_stream
-- Gives a signal its stream number, once.
INSERT OR IGNORE INTO streams (signal, stream) VALUES (:signal, :stream);

-- name: insert_record
-- One accepted request.
INSERT INTO records (signal, received_at, items, bytes, checksum, payload)
VALUES (:signal, :received_at, :items, :bytes, :checksum, :payload);

-- name: add_appended
-- Adds a group of appended records to the totals.
UPDATE streams SET appended_records = appended_records + :records,
    appended_items = appended_items + :items, appended_bytes = appended_bytes + :bytes
WHERE signal = :signal;

-- name: add_done
-- Adds a group of removed records to the totals.
UPDATE streams SET done_records = done_records + :records,
    done_items = done_items + :items, done_bytes = done_bytes + :bytes
WHERE signal = :signal;

-- name: pending
-- What waits to be loaded, by signal.
SELECT signal, appended_records - done_records AS records, appended_items - done_items AS items,
       appended_bytes - done_bytes AS bytes
FROM streams;

-- name: pending_bytes
-- Bytes that wait to be loaded, all signals.
SELECT coalesce(sum(appended_bytes - done_bytes), 0) FROM streams;

-- name: oldest_pending
-- When the oldest waiting record of a signal arrived.
SELECT received_at FROM records WHERE signal = :signal ORDER BY id LIMIT 1;

-- name: stream
-- The stream of a signal.
SELECT stream, sequence, formed_to FROM streams WHERE signal = :signal;

-- name: first_segment
-- The oldest segment that still has records.
SELECT sequence, first_id, last_id, attempt, finished FROM segments
WHERE signal = :signal ORDER BY sequence LIMIT 1;

-- name: unformed_records
-- Records that are in no segment yet, in order.
SELECT id, items, bytes FROM records WHERE signal = :signal AND id > :formed_to ORDER BY id;

-- name: insert_segment
-- Fixes which records a segment consists of.
INSERT INTO segments (signal, sequence, first_id, last_id)
VALUES (:signal, :sequence, :first_id, :last_id);

-- name: advance_stream
-- Notes the segment just formed.
UPDATE streams SET sequence = :sequence, formed_to = :formed_to WHERE signal = :signal;

-- name: segment_records
-- The records of a segment, in order.
SELECT id, received_at, items, bytes, checksum, refused, payload FROM records
WHERE signal = :signal AND id BETWEEN :first_id AND :last_id ORDER BY id;

-- name: new_attempt
-- Counts a further attempt at a segment, so that its inserts have new tokens.
UPDATE segments SET attempt = attempt + 1 WHERE signal = :signal AND sequence = :sequence
RETURNING attempt;

-- name: refuse_record
-- Takes a record out of its segment for good.
UPDATE records SET refused = 1 WHERE id = :id;

-- name: finish_segment
-- From here on a segment only waits for its records to be removed.
UPDATE segments SET finished = 1 WHERE signal = :signal AND sequence = :sequence;

-- name: segment_sizes
-- The sizes of a segment's remaining records.
SELECT id, items, bytes FROM records
WHERE signal = :signal AND id BETWEEN :first_id AND :last_id ORDER BY id;

-- name: delete_records
-- Removes records of a finished segment.
DELETE FROM records WHERE signal = :signal AND id BETWEEN :first_id AND :last_id;

-- name: delete_segment
-- Forgets a finished segment.
DELETE FROM segments WHERE signal = :signal AND sequence = :sequence;

-- name: insert_payload
-- Keeps a refused input that is not kept already.
INSERT OR IGNORE INTO dead_letter_payloads (id, received_at, content_type, bytes, items, payload)
VALUES (:id, :received_at, :content_type, :bytes, :items, :payload);

-- name: payload
-- One refused input.
SELECT received_at, content_type, items, state, payload FROM dead_letter_payloads WHERE id = :id;

-- name: payload_state
-- How a refused input stands.
SELECT state FROM dead_letter_payloads WHERE id = :id;

-- name: set_payload_state
-- Notes what was done about a refused input.
UPDATE dead_letter_payloads SET state = :state WHERE id = :id;

-- name: payloads_total
-- How much refused input is kept.
SELECT count(*), coalesce(sum(bytes), 0) FROM dead_letter_payloads;

-- name: expire_payloads
-- Removes refused input that is older than its retention.
DELETE FROM dead_letter_payloads WHERE received_at < :before;

-- name: oldest_payloads
-- Refused input in the order in which it gives way: what nobody needs any more first, then by age.
SELECT id, bytes FROM dead_letter_payloads ORDER BY state = 'open', received_at
LIMIT 1000;

-- name: delete_payload
-- Removes one refused input.
DELETE FROM dead_letter_payloads WHERE id = :id;
