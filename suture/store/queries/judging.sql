-- name: positions
-- How far the stages have come that the SLA stage depends on, and its own plan.
SELECT stage, max(position) AS reached, argMax(updated_at, position) AS at
FROM cursors
WHERE stage IN {stages:Array(String)} AND stream = 0
GROUP BY stage;

-- name: changes
-- The ticks of the correlator in a range, and how many instances each touched.
SELECT change, count() AS instances
FROM instance_changes
WHERE change > {after:UInt64} AND change <= {upto:UInt64}
GROUP BY change
ORDER BY change
LIMIT 10000;

-- name: next_due
-- When the next look at an undecided verdict falls due; no row where none does.
SELECT due_at
FROM deadlines
WHERE due_at > fromUnixTimestamp64Micro({due_after:Int64}, 'UTC')
ORDER BY due_at
LIMIT 1;

-- name: touched_groups
-- The processes with instances that changed or are due, and how many there are.
SELECT environment, process, uniqExact(anchor) AS instances
FROM
(
    SELECT environment, process, anchor FROM instance_changes
    WHERE change > {after:UInt64} AND change <= {upto:UInt64}
    UNION ALL
    SELECT environment, process, anchor FROM deadlines
    WHERE due_at > fromUnixTimestamp64Micro({due_after:Int64}, 'UTC')
      AND due_at <= fromUnixTimestamp64Micro({due_upto:Int64}, 'UTC')
)
GROUP BY environment, process
ORDER BY environment, process;

-- name: touched_page
-- The next anchors of one process that changed or are due.
SELECT DISTINCT anchor
FROM
(
    SELECT anchor FROM instance_changes
    WHERE change > {after:UInt64} AND change <= {upto:UInt64}
      AND environment = {environment:String} AND process = {process:String}
      AND anchor > {anchor_after:String}
    UNION ALL
    SELECT anchor FROM deadlines
    WHERE due_at > fromUnixTimestamp64Micro({due_after:Int64}, 'UTC')
      AND due_at <= fromUnixTimestamp64Micro({due_upto:Int64}, 'UTC')
      AND environment = {environment:String} AND process = {process:String}
      AND anchor > {anchor_after:String}
)
ORDER BY anchor
LIMIT {limit:UInt32};

-- name: all_groups
-- The environments in which some processes have instances.
SELECT DISTINCT environment, process FROM instances WHERE process IN {processes:Array(String)};

-- name: all_page
-- The next anchors of one process. Instances that were removed keep their row, so that every
-- instance that has a verdict is among them.
SELECT DISTINCT anchor
FROM instances
WHERE environment = {environment:String} AND process = {process:String}
  AND anchor > {anchor_after:String}
ORDER BY anchor
LIMIT {limit:UInt32};

-- name: instances
-- What rules need of a page of instances; of the milestones only those that rules name.
SELECT anchor, toString(status) AS status, toUnixTimestamp64Micro(started_at) AS started_at,
       start_inferred, toUnixTimestamp64Micro(ended_at) AS ended_at,
       arrayFilter(name -> mapContains(milestone_times, name), {milestones:Array(String)})
           AS milestones,
       arrayMap(name -> arrayMap(t -> toUnixTimestamp64Micro(t), milestone_times[name]), milestones)
           AS times,
       CAST(mapKeys(facets), 'Array(String)') AS facet_names, mapValues(facets) AS facet_values
FROM instances FINAL
WHERE environment = {environment:String} AND process = {process:String}
  AND anchor > {anchor_after:String} AND anchor <= {anchor_upto:String}
  AND anchor IN (SELECT key FROM lookup_keys)
  AND removed = 0
ORDER BY anchor;

-- name: verdicts
-- The verdicts that count so far about a page of instances.
SELECT anchor, toString(sla) AS sla, sla_version, toString(state) AS state, reason,
       toUnixTimestamp64Micro(started_at) AS started_at,
       toUnixTimestamp64Micro(deadline_at) AS deadline_at,
       toUnixTimestamp64Micro(at_risk_at) AS at_risk_at,
       toUnixTimestamp64Micro(completed_at) AS completed_at,
       toUnixTimestamp64Micro(stopped_at) AS stopped_at,
       elapsed_micros, allowed_micros,
       CAST(mapKeys(facets), 'Array(String)') AS facet_names, mapValues(facets) AS facet_values,
       toUnixTimestamp64Micro(decided_at) AS decided_at
FROM verdict_states FINAL
WHERE environment = {environment:String} AND process = {process:String}
  AND anchor > {anchor_after:String} AND anchor <= {anchor_upto:String}
  AND anchor IN (SELECT key FROM lookup_keys)
ORDER BY anchor, sla;

-- name: judged_rules
-- The rules that every instance has been held against.
SELECT sla, process, argMax(fingerprint, tick) AS fingerprint
FROM judged_rules
GROUP BY sla, process
HAVING fingerprint != '';
