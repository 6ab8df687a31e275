-- name: source_now
-- The verdicts that count now, of one rule or all ('') and one instance or all; stands inside others.
SELECT * FROM verdict_states FINAL
WHERE environment = {environment:String} AND process = {process:String}
  AND ({sla:String} = '' OR sla = {sla:String})
  AND ({anchor:String} = '' OR anchor = {anchor:String});

-- name: source_then
-- The same, as it was at an instant in the past; stands inside others.
SELECT * FROM verdicts FINAL
WHERE environment = {environment:String} AND process = {process:String}
  AND ({sla:String} = '' OR sla = {sla:String})
  AND ({anchor:String} = '' OR anchor = {anchor:String})
  AND decided_at <= fromUnixTimestamp64Micro({known_at:Int64}, 'UTC')
ORDER BY decided_at DESC
LIMIT 1 BY sla, anchor;

-- name: columns
-- A verdict with its times in microseconds and its facets as two lists; stands inside other queries.
anchor, toString(sla) AS sla, sla_version, toString(state) AS state, reason,
toUnixTimestamp64Micro(started_at) AS started_at,
toUnixTimestamp64Micro(deadline_at) AS deadline_at,
toUnixTimestamp64Micro(at_risk_at) AS at_risk_at,
toUnixTimestamp64Micro(completed_at) AS completed_at,
toUnixTimestamp64Micro(stopped_at) AS stopped_at,
elapsed_micros, allowed_micros,
CAST(mapKeys(facets), 'Array(String)') AS facet_names, mapValues(facets) AS facet_values,
toUnixTimestamp64Micro(decided_at) AS decided_at;

-- name: of_anchor
-- All verdicts about one instance.
SELECT {{columns}}
FROM ({{source}})
ORDER BY sla;

-- name: history
-- Every decision of one rule about one instance, oldest first.
SELECT {{columns}}
FROM verdicts FINAL
WHERE environment = {environment:String} AND process = {process:String} AND sla = {sla:String}
  AND anchor = {anchor:String}
ORDER BY decided_at;

-- name: filtered
-- What a list and a figure share, so that a tile equals its drill-down; stands inside other queries.
-- counted_at: where a decided clock stands on the time axis. Undecided ones count in every window
-- that ends after they began.
SELECT *, coalesce(deadline_at, started_at) AS sort_at,
       if(state IN ('met', 'breached'), coalesce(completed_at, deadline_at, started_at), NULL)
           AS counted_at
FROM ({{source}})
WHERE arrayAll((name, value) -> facets[name] = value,
               {facet_names:Array(String)}, {facet_values:Array(String)})
  AND ({window_start:Nullable(Int64)} IS NULL OR multiIf(
        counted_at IS NOT NULL,
            counted_at >= fromUnixTimestamp64Micro(assumeNotNull({window_start:Nullable(Int64)}), 'UTC')
            AND counted_at < fromUnixTimestamp64Micro(assumeNotNull({window_end:Nullable(Int64)}), 'UTC'),
        state IN ('pending', 'at_risk', 'paused', 'unknown'),
            started_at < fromUnixTimestamp64Micro(assumeNotNull({window_end:Nullable(Int64)}), 'UTC'),
        0));

-- name: page
-- Verdicts of one rule, latest deadline first.
SELECT {{columns}}, toUnixTimestamp64Micro(sort_at) AS position
FROM ({{filtered}})
WHERE (empty({states:Array(String)}) OR has({states:Array(String)}, state))
  AND (position, anchor) < ({cursor_position:Int64}, {cursor_anchor:String})
ORDER BY position DESC, anchor DESC
LIMIT {limit:UInt32};

-- name: attainment
-- How often one rule held, by the values of some facets.
SELECT arrayMap(name -> facets[name], {by:Array(String)}) AS `group`,
       countIf(state = 'met') AS met,
       countIf(state = 'breached') AS breached,
       countIf(state IN ('pending', 'at_risk', 'paused')) AS pending,
       countIf(state = 'unknown') AS unknown
FROM ({{filtered}})
GROUP BY `group`
ORDER BY `group`;

-- name: counts
-- How many verdicts of each rule stand in each state now.
SELECT toString(process) AS process, toString(sla) AS sla, toString(state) AS state, count() AS verdicts
FROM verdict_states FINAL
WHERE environment = {environment:String}
GROUP BY process, sla, state
ORDER BY process, sla, state;

-- name: clocks_now
-- When the clocks that count now began and stopped, of some rules about some instances.
SELECT toString(process) AS process, toString(sla) AS sla, anchor,
       toUnixTimestamp64Micro(started_at) AS started_at,
       toUnixTimestamp64Micro(stopped_at) AS stopped_at
FROM verdict_states FINAL
WHERE environment = {environment:String} AND process IN {processes:Array(String)}
  AND sla IN {slas:Array(String)} AND anchor IN {anchors:Array(String)};

-- name: clocks_ever
-- The same of every clock there ever was, those that a reset ended too, as it was decided last.
SELECT toString(process) AS process, toString(sla) AS sla, anchor,
       toUnixTimestamp64Micro(started_at) AS started_at,
       toUnixTimestamp64Micro(argMax(tuple(stopped_at), decided_at).1) AS stopped_at
FROM verdicts
WHERE environment = {environment:String} AND process IN {processes:Array(String)}
  AND sla IN {slas:Array(String)} AND anchor IN {anchors:Array(String)}
GROUP BY process, sla, anchor, started_at;
