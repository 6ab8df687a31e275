-- name: create_objects
-- Staging, in SQLite: every object once, by its key. `attributes` is JSON: [name, micros, value].
-- `name` is its id in the log.
CREATE TABLE objects (
    key TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    attributes TEXT,
    name TEXT
) WITHOUT ROWID;

-- name: create_events
-- Staging: every event once. `attributes` is a JSON object, `at` microseconds since 1970.
CREATE TABLE events (
    key TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    system TEXT NOT NULL,
    attributes TEXT NOT NULL,
    name TEXT
) WITHOUT ROWID;

-- name: create_event_objects
-- Staging: which objects each event names, in its order.
CREATE TABLE event_objects (
    event TEXT NOT NULL,
    position INTEGER NOT NULL,
    object TEXT NOT NULL,
    PRIMARY KEY (event, object)
) WITHOUT ROWID;

-- name: create_links
-- Staging: accepted relations.
CREATE TABLE links (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (source, target)
) WITHOUT ROWID;

-- name: add_object
-- An object that something names; what is known of it stays.
INSERT INTO objects (key, type, scope, id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: describe_object
-- The attributes of the anchor of an instance.
UPDATE objects SET attributes = ? WHERE key = ?;

-- name: add_event
-- An event of one or more instances.
INSERT INTO events (key, type, at, sequence, source, id, system, attributes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: add_event_object
-- That an event names an object.
INSERT INTO event_objects (event, position, object) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: add_link
-- A relation.
INSERT INTO links (source, target) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: index_objects
-- For finding ids that several objects have.
CREATE INDEX objects_by_id ON objects (id);

-- name: index_events
-- For finding ids that several events have.
CREATE INDEX events_by_id ON events (id);

-- name: object_types
-- The types of the objects there are.
SELECT DISTINCT type FROM objects ORDER BY type;

-- name: event_sources
-- The sources of the events there are.
SELECT DISTINCT source FROM events ORDER BY source;

-- name: name_objects
-- Give each object its id in the log.
UPDATE objects SET name = object_name(type, scope, id, EXISTS (
    SELECT 1 FROM objects AS other WHERE other.id = objects.id AND other.key != objects.key));

-- name: name_events
-- Give each event its id in the log.
UPDATE events SET name = event_name(source, id, EXISTS (
    SELECT 1 FROM events AS other WHERE other.id = events.id AND other.key != events.key));

-- name: index_times
-- For finding events of one instant.
CREATE INDEX events_by_time ON events (at, sequence, type);

-- name: keep_order
-- Of events of one instant and milestone the source and the id decide, and in the log these are
-- others: there every event of the instant gets its place.
UPDATE events SET sequence = ranked.place
FROM
(
    SELECT key, row_number() OVER (
        PARTITION BY at ORDER BY sequence, declared(type), source, id) AS place
    FROM events
    WHERE at IN
    (
        SELECT at FROM events GROUP BY at, sequence, type
        HAVING count(*) > 1 AND (min(source) != max(source) OR max(name != id))
    )
) AS ranked
WHERE ranked.key = events.key;

-- name: ordered_types
-- The types of events with a place among those of their instant.
SELECT DISTINCT type FROM events WHERE sequence != 0;

-- name: index_named
-- For finding events that name an object.
CREATE INDEX event_objects_by_object ON event_objects (object);

-- name: totals
-- What there is, and how many relations no event of the log shows. Of the two ends the target is
-- looked at first, since fewer events name it as a rule; SQLite keeps to the order of a cross join.
SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM objects),
       (SELECT count(*) FROM links WHERE target IN (SELECT key FROM objects)),
       (SELECT count(*) FROM links WHERE target IN (SELECT key FROM objects) AND NOT EXISTS (
            SELECT 1 FROM event_objects AS there CROSS JOIN event_objects AS here
            WHERE there.object = links.target
              AND here.event = there.event AND here.object = links.source));

-- name: renamed_types
-- The types of objects whose id in the log is another one than theirs.
SELECT DISTINCT type FROM objects WHERE name != id ORDER BY type;

-- name: systems
-- Which system reports each milestone, the most frequent last.
SELECT type, system, count(*) FROM events WHERE system != '' GROUP BY type, system
ORDER BY type, count(*), system;

-- name: events
-- All events in the order of time, a row for each object they name.
SELECT e.key, e.name, e.type, e.at, e.sequence, e.attributes, o.name, o.type
FROM events AS e
LEFT JOIN event_objects AS r ON r.event = e.key
LEFT JOIN objects AS o ON o.key = r.object
ORDER BY e.at, e.sequence, e.name, r.position;

-- name: objects
-- All objects by type, a row for each they lead on to.
SELECT o.key, o.name, o.type, o.attributes, t.name, t.type
FROM objects AS o
LEFT JOIN links AS l ON l.source = o.key
LEFT JOIN objects AS t ON t.key = l.target
ORDER BY o.type, o.name, t.name;

-- name: ocel_event_map_type
-- OCEL 2.0: what stands for each event type in the name of its table.
CREATE TABLE "event_map_type" (
    "ocel_type" TEXT PRIMARY KEY,
    "ocel_type_map" TEXT NOT NULL
);

-- name: ocel_object_map_type
-- OCEL 2.0: likewise for object types.
CREATE TABLE "object_map_type" (
    "ocel_type" TEXT PRIMARY KEY,
    "ocel_type_map" TEXT NOT NULL
);

-- name: ocel_event
-- OCEL 2.0: all events.
CREATE TABLE "event" (
    "ocel_id" TEXT PRIMARY KEY,
    "ocel_type" TEXT NOT NULL,
    FOREIGN KEY ("ocel_type") REFERENCES "event_map_type" ("ocel_type")
);

-- name: ocel_object
-- OCEL 2.0: all objects.
CREATE TABLE "object" (
    "ocel_id" TEXT PRIMARY KEY,
    "ocel_type" TEXT NOT NULL,
    FOREIGN KEY ("ocel_type") REFERENCES "object_map_type" ("ocel_type")
);

-- name: ocel_event_object
-- OCEL 2.0: which objects events name.
CREATE TABLE "event_object" (
    "ocel_event_id" TEXT NOT NULL,
    "ocel_object_id" TEXT NOT NULL,
    "ocel_qualifier" TEXT NOT NULL,
    PRIMARY KEY ("ocel_event_id", "ocel_object_id", "ocel_qualifier"),
    FOREIGN KEY ("ocel_event_id") REFERENCES "event" ("ocel_id"),
    FOREIGN KEY ("ocel_object_id") REFERENCES "object" ("ocel_id")
);

-- name: ocel_object_object
-- OCEL 2.0: which objects lead on to which.
CREATE TABLE "object_object" (
    "ocel_source_id" TEXT NOT NULL,
    "ocel_target_id" TEXT NOT NULL,
    "ocel_qualifier" TEXT NOT NULL,
    PRIMARY KEY ("ocel_source_id", "ocel_target_id", "ocel_qualifier"),
    FOREIGN KEY ("ocel_source_id") REFERENCES "object" ("ocel_id"),
    FOREIGN KEY ("ocel_target_id") REFERENCES "object" ("ocel_id")
);

-- name: ocel_events_of_type
-- OCEL 2.0: time and attributes of the events of one type.
CREATE TABLE {{table}} (
    "ocel_id" TEXT PRIMARY KEY,
    "ocel_time" TIMESTAMP NOT NULL{{columns}},
    FOREIGN KEY ("ocel_id") REFERENCES "event" ("ocel_id")
);

-- name: ocel_objects_of_type
-- OCEL 2.0: attributes of the objects of one type: as they began, and a row for each change.
CREATE TABLE {{table}} (
    "ocel_id" TEXT NOT NULL,
    "ocel_time" TIMESTAMP NOT NULL,
    "ocel_changed_field" TEXT{{columns}},
    FOREIGN KEY ("ocel_id") REFERENCES "object" ("ocel_id")
);

-- name: ocel_insert
-- A row of any of these tables.
INSERT INTO {{table}} ({{columns}}) VALUES ({{values}});

-- name: read_tables
-- Importing: the tables of a log.
SELECT name FROM sqlite_schema WHERE type IN ('table', 'view');

-- name: read_columns
-- Importing: the columns of a table.
SELECT name FROM pragma_table_info(?) ORDER BY cid;

-- name: read_object_types
-- Importing: object types and what stands for them in the names of tables.
SELECT "ocel_type", "ocel_type_map" FROM main."object_map_type";

-- name: read_event_types
-- Importing: likewise for event types.
SELECT "ocel_type", "ocel_type_map" FROM main."event_map_type";

-- name: read_named
-- Importing: which objects each event names, findable by event. Not every writer makes an index.
CREATE TEMPORARY TABLE named AS SELECT "ocel_event_id" AS event, "ocel_object_id" AS object
FROM main."event_object";

-- name: read_related
-- Importing: which objects each object leads on to, findable by object.
CREATE TEMPORARY TABLE related AS SELECT "ocel_source_id" AS source, "ocel_target_id" AS target
FROM main."object_object";

-- name: read_dated
-- Importing: the events that stand in the table of their type.
CREATE TEMPORARY TABLE dated (event PRIMARY KEY) WITHOUT ROWID;

-- name: read_index_named
-- Importing: find objects by event.
CREATE INDEX temp.named_by_event ON named (event);

-- name: read_index_related
-- Importing: find targets by source.
CREATE INDEX temp.related_by_source ON related (source);

-- name: read_objects
-- Importing: all objects, with those they lead on to as a JSON list.
SELECT o."ocel_id", o."ocel_type",
       (SELECT json_group_array(r.target) FROM temp.related AS r WHERE r.source = o."ocel_id")
FROM main."object" AS o;

-- name: read_events
-- Importing: the events of one type, with the objects they name as a JSON list, and their own columns.
SELECT (SELECT json_group_array(n.object) FROM temp.named AS n WHERE n.event = t."ocel_id"),
       t."ocel_id", t."ocel_time"{{columns}}
FROM main.{{table}} AS t;

-- name: read_note_dated
-- Importing: remember that these were read.
INSERT OR IGNORE INTO temp.dated SELECT "ocel_id" FROM main.{{table}} WHERE "ocel_id" IS NOT NULL;

-- name: read_undated
-- Importing: events that no table of a type holds, so that nobody knows when they were.
SELECT "ocel_id", "ocel_type" FROM main."event" WHERE "ocel_id" NOT IN (SELECT event FROM temp.dated);

-- name: read_no_related
-- Importing: a log without relations between objects.
CREATE TEMPORARY TABLE related (source TEXT, target TEXT);
