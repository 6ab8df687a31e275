-- name: readers
-- The views that turn what enters a landing table into rows, and the columns they give.
SELECT name, as_select, extract(create_table_query, ' TO (\S+)') AS target
FROM system.tables
WHERE database = currentDatabase() AND engine = 'MaterializedView'
  AND position(as_select, concat(currentDatabase(), '.', {landing:String})) > 0
ORDER BY name;

-- name: columns
-- What a view gives, in order.
SELECT name, type FROM system.columns
WHERE database = currentDatabase() AND table = {view:String}
ORDER BY position;

-- name: existing
-- Landing tables and views that redact, whichever rules they follow.
SELECT name, engine FROM system.tables
WHERE database = currentDatabase() AND match(name, '^otlp_\w+_redacted_[0-9a-f]{16}$')
ORDER BY engine != 'MaterializedView', name;

-- name: landing_columns
-- The columns of a landing table, for another one that redacts.
SELECT name, type FROM system.columns
WHERE database = currentDatabase() AND table = {landing:String}
ORDER BY position;

-- name: create_landing
-- Where requests enter that are to be redacted; `redaction_pads` is the hash key, in two masks.
CREATE TABLE IF NOT EXISTS {{name}} {{on_cluster}} ({{columns}}, redaction_pads String)
ENGINE = Null;

-- name: create_view
-- One step on the way of what is to be redacted.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{name}} {{on_cluster}} TO {{target}}
AS {{select}};

-- name: create_marked
-- Rows on their way, marked where they may have something to redact, with the key. Rows that are
-- redacted and those that are not part here: to choose row by row which of two values a column gets
-- costs far more than to part them.
CREATE TABLE IF NOT EXISTS {{name}} {{on_cluster}}
({{columns}}, redaction_suspect UInt8, suture_pads String)
ENGINE = Null;

-- name: looking_select
-- Fragment: marks rows. The key comes with the requests; without one, nothing goes on from here.
WITH assumeNotNull((SELECT any(redaction_pads) FROM {{landing}})) AS suture_key
SELECT *, {{suspect}} AS redaction_suspect, suture_key AS suture_pads FROM ({{source}})
WHERE throwIf(length(suture_key) != 128, 'there is no key to redact with') = 0;

-- name: clean_select
-- Fragment: rows that have nothing to redact.
SELECT {{columns}} FROM {{marked}} WHERE NOT redaction_suspect;

-- name: redacting_select
-- Fragment: rows that may have. All text of a row goes through one function, as arrays of keys
-- ('\0' for what is no attribute) and values, and then back to its columns: the expression is long,
-- and planning it is what a small insert takes most of its time for.
SELECT {{columns}}
FROM
(
    SELECT *,
        arrayMap((k, v, d) -> (if(d = 0, k, {{key}}), multiIf(d = 0, v, d = 1, {{mask}},
                               d = 2, {{hashed}}, d = 3, {{searched}}, ''), d),
                 redaction_keys, redaction_values,
                 arrayMap((k, v) -> {{decision}}, redaction_keys, redaction_values)) AS redacted
    FROM
    (
        SELECT *, arrayConcat({{keys}}) AS redaction_keys, arrayConcat({{values}}) AS redaction_values
        FROM {{source}} WHERE redaction_suspect
    )
);

-- name: rebuilt_text
-- Fragment: one text out of what was redacted.
redacted[{{first}}].2;

-- name: rebuilt_texts
-- Fragment: texts, in order.
arrayMap(r -> r.2, arraySlice(redacted, {{first}}, {{count}}));

-- name: rebuilt_map
-- Fragment: attributes, without those that are dropped.
CAST(arrayMap(r -> (r.1, r.2), arrayFilter(r -> r.3 != 4,
        arraySlice(redacted, {{first}}, {{count}}))),
     'Map(LowCardinality(String), String)');

-- name: rebuilt_maps
-- Fragment: several maps of attributes, each with as many as it had.
arrayMap((size, past) -> CAST(arrayMap(r -> (r.1, r.2), arrayFilter(r -> r.3 != 4,
        arraySlice(redacted, {{first}} + past - size, size))),
        'Map(LowCardinality(String), String)'),
    arrayMap(m -> length(m), {{c}}), arrayCumSum(m -> length(m), {{c}}));

-- name: drop_view
-- A view of rules that are no longer in force.
DROP VIEW IF EXISTS {{name}} {{on_cluster}};

-- name: drop_landing
-- A landing table of rules that are no longer in force.
DROP TABLE IF EXISTS {{name}} {{on_cluster}};

-- name: check_pattern
-- Fails where the engine does not know a pattern.
SELECT match('', {pattern:String}) AS known;

-- name: check_many
-- Fails where the engine cannot look for many patterns at once.
SELECT multiMatchAny('', {patterns:Array(String)}) AS known;

-- name: hash
-- Fragment: the keyed hash (RFC 2104) of `{{v}}`, as text.
concat('h-', lower(hex(substring(
    SHA256(concat(substring(suture_pads, 65, 64),
                  SHA256(concat(substring(suture_pads, 1, 64), {{v}})))), 1, 16))));

-- name: hash_whole
-- Fragment: the hash of a value, or of each item of a list.
if({{v}} = '', '', arrayMap((w, is_list) -> arrayMap(h -> if(is_list,
        concat('[', arrayStringConcat(arrayMap(x -> toJSONString(x), h), ','), ']'), h[1]),
    [arrayMap(item -> {{hash}}, if(is_list,
        arrayMap(raw -> if(startsWith(raw, '"'), JSONExtractString(raw), raw),
                 JSONExtractArrayRaw(w)), [w]))])[1],
    [{{v}}], [startsWith({{v}}, '[') AND isValidJSON({{v}})])[1]);

-- name: mask_matches
-- Fragment: what a pattern matches becomes the mask.
replaceRegexpAll({{v}}, {{pattern}}, {{mask}});

-- name: hash_matches
-- Fragment: what a pattern matches becomes its hash.
arrayMap(h -> arrayStringConcat(arrayMap((before, found) ->
        concat(before, if(found = '', '', {{hash}})),
    splitByRegexp({{pattern}}, h), arrayPushBack(extractAll(h, {{pattern}}), ''))), [{{v}}])[1];

-- name: searched
-- Fragment: a text with its matches replaced. Of a list or map in JSON text all goes where a hidden
-- key or an escaped match stands in it, and of base64 where it decodes to a match.
arrayMap((t, p) -> if(
    (match(t, '^[\\[{]') AND ({{hides}} OR {{escaped}})) OR {{encoded}}, {{mask}}, p),
    [{{v}}], [{{replaced}}])[1];

-- name: hides
-- Fragment: whether a hidden key stands in the JSON text `t`, by itself or behind the key `k`.
arrayExists(n -> match(n, {{hidden}}), arrayFlatten(arrayMap(n -> [n, concat(k, '.', n)],
    extractAll(t, '"((?:[^"\\\\]|\\\\.)*)"\\s*:'))));

-- name: escaped
-- Fragment: whether `p` holds matches once JSON's escapes are out of the way.
match(replaceRegexpAll(p, '\\\\(?:u[0-9a-fA-F]{4}|.)', ' '), {{any}});

-- name: encoded
-- Fragment: whether `{{v}}` is base64, or JSON text that holds some, of something that matches.
arrayExists(b -> match(tryBase64Decode(b), {{any}}),
    if(match({{v}}, '^[\\[{]'), extractAll({{v}}, {{quoted}}),
       if(match({{v}}, {{whole}}), [{{v}}], [])));
