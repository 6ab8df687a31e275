-- name: standing
-- Where the cursors of some stages stand, how many decisions about links there are, how many rows about
-- refused pairs, about pairs bridged by a trace, and about traces tied to others. In one read, as rows:
-- to plan it as scalars takes the engine twice as long.
SELECT toString(stage) AS what, max(position) AS number FROM cursors
WHERE stage IN {stages:Array(String)} AND stream = 0 GROUP BY stage
UNION ALL SELECT 'decisions', uniqExact(id) FROM link_decisions
UNION ALL SELECT 'refusals', count() FROM ambiguous_links
UNION ALL SELECT 'traced', count() FROM trace_pairs
UNION ALL SELECT 'tied', count() FROM linked_traces;

-- name: decision_rows
-- How many rows there are about decisions: one more with each.
SELECT count() AS rows FROM link_decisions;

-- Every row about evidence is read, and the last of each piece is told apart by whoever asked, as
-- correlation.sql does.

-- name: evidence_from_objects
-- What supports pairs that begin at the looked-up objects.
SELECT process, from_object, to_object, kind, event_key, source, id, occurred_at, unsure, removed, version
FROM links
WHERE from_object IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: evidence_to_objects
-- What supports pairs that lead to the looked-up objects, on paths that may lead there only once.
SELECT process, from_object, to_object, kind, event_key, source, id, occurred_at, unsure, removed, version
FROM links_to
WHERE to_object IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: ambiguous_from_objects
-- Pairs that begin at the looked-up objects and were ever refused, with the tick that said so last.
SELECT process, from_object, to_object, argMax(ambiguous_links.state, ambiguous_links.version) AS state,
       max(ambiguous_links.version) AS version
FROM ambiguous_links
WHERE from_object IN (SELECT key FROM lookup_keys)
GROUP BY process, from_object, to_object
SETTINGS max_threads = 1;

-- name: every_ambiguous
-- All pairs that were ever refused, likewise.
SELECT process, from_object, to_object, argMax(ambiguous_links.state, ambiguous_links.version) AS state,
       max(ambiguous_links.version) AS version
FROM ambiguous_links
GROUP BY process, from_object, to_object
SETTINGS max_threads = 1;

-- name: decisions
-- All that people decided, in its order.
SELECT id, at, actor, toString(action) AS action, process, from_objects, to_objects, undoes
FROM link_decisions FINAL
ORDER BY at, id;

-- name: operator_evidence
-- What decisions ever supported of pairs that begin at the looked-up objects; the tick that wrote it
-- stands in the version.
SELECT process, from_object, to_object, event_key,
       argMax((links.removed, links.unsure, links.occurred_at), links.version) AS last_row,
       last_row.1 AS removed, last_row.2 AS unsure, last_row.3 AS occurred_at,
       max(links.version) AS version
FROM links
WHERE kind = 'operator' AND from_object IN (SELECT key FROM lookup_keys)
GROUP BY process, from_object, to_object, event_key
SETTINGS max_threads = 1;

-- name: span_objects
-- What the spans of some segments carry.
SELECT DISTINCT trace_id, span_id, object, occurred_at
FROM trace_objects
WHERE segment IN {segments:Array(UInt64)} AND object_type IN {types:Array(String)};

-- name: traces_of_segments
-- The traces that some segments have spans of.
SELECT DISTINCT TraceId AS trace_id FROM otel_traces
WHERE WalSegment IN {segments:Array(UInt64)};

-- name: note_linked_traces
-- Remember which traces the spans of some segments tie together.
INSERT INTO linked_traces (trace_id, other)
SELECT tie.1, tie.2
FROM
(
    SELECT DISTINCT arrayJoin([(TraceId, linked), (linked, TraceId)]) AS tie
    FROM otel_traces ARRAY JOIN Links.TraceId AS linked
    WHERE WalSegment IN {segments:Array(UInt64)} AND linked != '' AND linked != TraceId
);

-- name: linked_traces
-- The traces that are tied to the looked-up ones.
SELECT DISTINCT trace_id, other FROM linked_traces
WHERE trace_id IN (SELECT key FROM lookup_keys)
SETTINGS max_threads = 1;

-- name: carriers_of_traces
-- What the looked-up traces name.
SELECT trace_id, span_id, event_key, object, argMax(trace_carriers.occurred_at, version) AS occurred_at
FROM trace_carriers
WHERE trace_id IN (SELECT key FROM lookup_keys)
GROUP BY trace_id, span_id, event_key, object
HAVING argMax(removed, version) = 0
SETTINGS max_threads = 1;

-- name: pairs_of_traces
-- What the looked-up traces ever bridged.
SELECT process, from_object, to_object, concat('trace:', trace_id) AS event_key,
       argMax((trace_pairs.removed, trace_pairs.unsure, trace_pairs.occurred_at),
              trace_pairs.version) AS last_row,
       last_row.1 AS removed, last_row.2 AS unsure, last_row.3 AS occurred_at,
       max(trace_pairs.version) AS version
FROM trace_pairs
WHERE trace_id IN (SELECT key FROM lookup_keys)
GROUP BY trace_id, process, from_object, to_object
SETTINGS max_threads = 1;

-- name: spans_of_traces
-- How the spans of the looked-up traces hang together, up to so many a trace.
SELECT DISTINCT TraceId AS trace_id, SpanId AS span_id, ParentSpanId AS parent_id,
       Links.TraceId AS link_traces, Links.SpanId AS link_spans
FROM otel_traces
WHERE TraceId IN (SELECT key FROM lookup_keys)
  AND Timestamp >= (SELECT toDateTime64(min(Start), 9) FROM otel_traces_trace_id_ts
                    WHERE TraceId IN (SELECT key FROM lookup_keys))
  AND Timestamp < (SELECT toDateTime64(max(End), 9) + toIntervalSecond(1)
                   FROM otel_traces_trace_id_ts WHERE TraceId IN (SELECT key FROM lookup_keys))
ORDER BY trace_id, span_id
LIMIT {limit:UInt32} BY trace_id
SETTINGS max_threads = 1;
