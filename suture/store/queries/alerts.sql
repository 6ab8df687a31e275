-- name: folded
-- What each alert is, from all that happened to it, in whatever order it was written: it is resolved
-- when its latest resolution is not before its latest opening, else acknowledged when its latest
-- acknowledgement is not. Stands inside other queries.
SELECT alert_id AS id,
       any(e.environment) AS environment, any(e.process) AS process, any(e.sla) AS sla,
       any(e.anchor) AS anchor,
       minIf(e.at, opening) AS opened_at,
       max(e.at) AS last_at,
       maxIf(e.at, opening) AS begun,
       maxIf(e.at, e.action = 'resolved') AS ended,
       maxIf(e.at, e.action = 'acknowledged') AS acked,
       multiIf(ended >= begun, 'resolved', acked >= begun, 'acknowledged', 'firing') AS state,
       argMaxIf((e.severity, e.owner, e.breached_at), (e.at, e.actor), opening) AS opened,
       argMaxIf((e.title, e.comment, e.over, e.notify), (e.at, e.actor), opening) AS told,
       argMaxIf((e.actor, e.over), (e.at, e.actor), e.action = 'resolved') AS closed,
       argMaxIf(e.actor, (e.at, e.actor), e.action = 'acknowledged') AS acked_by,
       argMaxIf(e.assignee, (e.at, e.actor), e.action = 'assigned') AS assignee,
       maxIf(e.at, e.action = 'snoozed') AS snoozed,
       argMaxIf(e.until, (e.at, e.actor), e.action = 'snoozed') AS until
FROM (
    SELECT *, action IN ('opened', 'reopened') AS opening
    FROM alert_events
    WHERE {{which}}
) AS e
GROUP BY alert_id
HAVING countIf(e.opening) > 0;

-- name: columns
-- An alert as its reader wants it; stands inside other queries.
id, toString(environment) AS environment, toString(process) AS process, toString(sla) AS sla,
anchor, state, opened_at, last_at,
toString(opened.1) AS severity, toString(opened.2) AS owner, opened.3 AS breached_at,
told.1 AS title, told.2 AS reason, told.3 AS opened_over, told.4 AS notified,
if(state = 'resolved', ended, NULL) AS closed_at,
if(state = 'resolved', toString(closed.1), NULL) AS closed_by, closed.2 AS closed_over,
nullIf(assignee, '') AS assignee,
if(state = 'acknowledged', toString(acked_by), NULL) AS acknowledged_by,
if(state != 'resolved' AND snoozed >= begun, until, NULL) AS snoozed_until;

-- name: one
-- One alert.
SELECT {{columns}} FROM ({{folded}});

-- name: which_one
-- The events of one alert; stands inside `folded`.
alert_id = {id:String};

-- name: of_anchors
-- The alerts about a page of instances, latest opening first.
SELECT {{columns}} FROM ({{folded}}) ORDER BY opened_at DESC, id;

-- name: which_of_anchors
-- The events of alerts about a page of instances; stands inside `folded`.
environment = {environment:String} AND process = {process:String} AND anchor IN
(
    SELECT anchor FROM verdict_changes
    WHERE tick > {after:UInt64} AND tick <= {upto:UInt64}
      AND environment = {environment:String} AND process = {process:String}
      AND anchor > {anchor_after:String} AND anchor <= {anchor_upto:String}
);

-- name: filtered
-- What lists and their totals share, so that they agree; stands inside other queries.
SELECT * FROM ({{folded}})
WHERE (empty({states:Array(String)}) OR has({states:Array(String)}, state))
  AND ({severity:String} = '' OR opened.1 = {severity:String})
  AND ({owner:String} = '' OR opened.2 = {owner:String});

-- name: latest
-- Ids of some alerts, latest opening first. What they are is read for these alone: texts of all are
-- most of the work.
SELECT id, toUnixTimestamp64Micro(opened_at) AS position
FROM ({{filtered}})
WHERE (position, id) < ({cursor_position:Int64}, {cursor_id:String})
ORDER BY position DESC, id DESC
LIMIT {limit:UInt32};

-- name: urgent
-- The same, what needs somebody first before the rest. Times of resolved ones run backwards.
SELECT id
FROM ({{filtered}})
ORDER BY indexOf({state_order:Array(String)}, state),
         if(state = 'resolved', 0, indexOf({severity_order:Array(String)}, opened.1)) DESC,
         toUnixTimestamp64Micro(ifNull(opened.3, opened_at)) * if(state = 'resolved', -1, 1),
         id
LIMIT {limit:UInt32} OFFSET {offset:UInt32};

-- name: which_ids
-- The events of some alerts; stands inside `folded`.
alert_id IN {ids:Array(String)};

-- name: total
-- How many alerts there are.
SELECT count() AS alerts FROM ({{filtered}});

-- name: which_environment
-- The events of one environment, of one process, rule and instance or all (''); stands inside `folded`.
environment = {environment:String}
AND ({process:String} = '' OR process = {process:String})
AND ({sla:String} = '' OR sla = {sla:String})
AND ({anchor:String} = '' OR anchor = {anchor:String});

-- name: counts
-- How many alerts of one environment stand in each state.
SELECT state, count() AS alerts FROM ({{folded}}) GROUP BY state;

-- name: log
-- All that happened to one alert, oldest first.
SELECT alert_id, at, toString(action) AS action, toString(actor) AS actor,
       toString(environment) AS environment, toString(process) AS process, toString(sla) AS sla,
       anchor, toString(severity) AS severity, toString(owner) AS owner, title, breached_at,
       assignee, comment, until, over, notify
FROM alert_events FINAL
WHERE alert_id = {id:String}
ORDER BY at, action, actor;

-- name: breach_groups
-- The processes with verdicts that became or ceased to be breaches in some ticks.
SELECT environment, process, uniqExact(anchor) AS instances
FROM verdict_changes
WHERE tick > {after:UInt64} AND tick <= {upto:UInt64}
GROUP BY environment, process
ORDER BY environment, process;

-- name: breach_page
-- The next anchors of one process with such verdicts.
SELECT DISTINCT anchor
FROM verdict_changes
WHERE tick > {after:UInt64} AND tick <= {upto:UInt64}
  AND environment = {environment:String} AND process = {process:String}
  AND anchor > {anchor_after:String}
ORDER BY anchor
LIMIT {limit:UInt32};

-- name: verdicts_of_page
-- All verdicts that count now about a page of such instances.
SELECT {{verdict}}
FROM verdict_states FINAL
WHERE environment = {environment:String} AND process = {process:String}
  AND anchor > {anchor_after:String} AND anchor <= {anchor_upto:String}
  AND (sla, anchor) IN
  (
      SELECT sla, anchor FROM verdict_changes
      WHERE tick > {after:UInt64} AND tick <= {upto:UInt64}
        AND environment = {environment:String} AND process = {process:String}
        AND anchor > {anchor_after:String} AND anchor <= {anchor_upto:String}
  )
ORDER BY anchor, sla;

-- name: positions
-- How far judging and alerting have come, and how many rows there are about alerts.
SELECT maxIf(position, stage = {alerted:String}) AS alerted,
       maxIf(position, stage = {judged:String}) AS judged,
       (SELECT count() FROM alert_events) AS events
FROM cursors
WHERE stage IN [{alerted:String}, {judged:String}] AND stream = 0;
