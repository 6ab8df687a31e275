-- name: claims
-- The latest word of everybody who claimed a lease and has not released it, and how old it is.
SELECT holder, token, choosing, urgent, dateDiff('microsecond', renewed_at, now64(6, 'UTC')) / 1e6 AS age_seconds
FROM worker_leases FINAL
WHERE name = {name:String} AND released = 0;
