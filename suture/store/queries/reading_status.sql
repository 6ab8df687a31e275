-- name: waiting
-- Segments that are loaded and not stitched yet, per signal.
SELECT s.signal AS signal, count() AS segments_count, sum(s.rows) AS rows_count,
       min(s.finished_at) AS oldest_at
FROM (SELECT * FROM segments FINAL WHERE signal IN ('milestones', 'traces')) AS s
LEFT JOIN (SELECT stream, position FROM cursors FINAL WHERE stage = 'correlator') AS c
    ON s.stream = c.stream
WHERE s.sequence > c.position
GROUP BY signal
ORDER BY signal;

-- name: decisions
-- How many decisions about links there are.
SELECT uniqExact(id) AS found FROM link_decisions;

-- name: cursors
-- How far the stages are, and when they last moved.
SELECT stage, max(position) AS furthest, max(updated_at) AS moved_at
FROM cursors FINAL
GROUP BY stage
ORDER BY stage;

-- name: changes_waiting
-- Instances that were stitched anew and not judged yet.
SELECT count() AS found, min(change) AS first_change
FROM instance_changes FINAL
WHERE change > {judged:UInt64} AND change <= {stitched:UInt64};

-- name: attribution_waiting
-- Instances that were stitched anew, and segments of spans, that attribution has not looked at.
SELECT (SELECT count() FROM instance_changes FINAL
        WHERE change > {followed:UInt64} AND change <= {stitched:UInt64})
     + (SELECT count()
        FROM (SELECT stream, sequence FROM segments FINAL WHERE signal = 'traces') AS s
        LEFT JOIN (SELECT stream, position FROM cursors FINAL WHERE stage = 'attribution') AS c
            ON s.stream = c.stream
        WHERE s.sequence > c.position) AS found;

-- name: verdicts_waiting
-- Verdicts that became or ceased to be breaches and that alerting has not looked at.
SELECT count() AS found FROM verdict_changes FINAL
WHERE tick > {alerted:UInt64} AND tick <= {judged:UInt64};

-- name: answers
-- Nothing but whether the store answers.
SELECT 1 AS one;
