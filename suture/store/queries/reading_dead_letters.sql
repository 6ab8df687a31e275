-- name: letters
-- Refused inputs of an environment, each folded from all that happened to it. What could not be read
-- well enough to know its environment belongs to all of them. Of equal times an act goes last.
SELECT d.id AS id, any(d.environment) AS environment, any(d.source) AS source,
       any(d.event_id) AS event_id, any(d.type) AS type, any(d.door) AS door,
       argMaxIf(d.reason, d.received_at, d.action = 'refused') AS reason,
       argMax(d.owner, d.received_at) AS owner,
       transform(argMax(d.action, (d.received_at, d.action != 'refused')),
           ['replayed', 'discarded'], ['replayed', 'discarded'], 'open') AS state,
       min(d.received_at) AS first_seen_at,
       maxIf(d.received_at, d.action = 'refused') AS last_seen_at,
       max(d.received_at) AS last_at,
       countIf(d.action = 'refused') AS seen,
       argMaxIf(d.actor, d.received_at, d.actor != '') AS acted_by,
       maxIf(d.received_at, d.actor != '') AS acted_at,
       any(d.payload_sha256) AS payload_sha256, any(d.payload_bytes) AS payload_bytes,
       any(d.preview) AS preview
FROM dead_letters AS d
WHERE d.environment IN ({environment:String}, '')
  AND ({source:String} = '' OR d.source = {source:String})
  AND ({type:String} = '' OR d.type = {type:String})
  AND ({door:String} = '' OR d.door = {door:String})
  AND ({id:String} = '' OR d.id = {id:String})
GROUP BY d.id
HAVING ({reason:String} = '' OR positionCaseInsensitiveUTF8(reason, {reason:String}) > 0)
   AND ({owner:String} = '' OR owner = if({owner:String} = '-', '', {owner:String}))
   AND ({state:String} = '' OR state = {state:String})
   AND last_seen_at >= fromUnixTimestamp64Micro({from:Int64}, 'UTC')
   AND last_seen_at < fromUnixTimestamp64Micro({to:Int64}, 'UTC')

-- name: page
-- One page of refused inputs, last seen first; the same input refused again is one line.
SELECT * FROM ({{letters}}) AS l
WHERE (l.last_seen_at, l.id)
    < (fromUnixTimestamp64Micro({after_seen:Int64}, 'UTC'), {after_id:String})
ORDER BY l.last_seen_at DESC, l.id DESC
LIMIT {limit:UInt32};

-- name: count
-- How many refused inputs there are, and how many are open.
SELECT count() AS found, countIf(l.state = 'open') AS open FROM ({{letters}}) AS l;

-- name: groups
-- Refused inputs by one of their fields, those with most inputs first.
SELECT multiIf({by:String} = 'type', l.type, {by:String} = 'source', l.source,
               {by:String} = 'owner', l.owner, {by:String} = 'door', l.door, l.reason) AS value,
       count() AS letters, countIf(l.state = 'open') AS open, sum(l.seen) AS seen,
       min(l.first_seen_at) AS first_seen_at, max(l.last_seen_at) AS last_seen_at,
       arraySort(groupUniqArray(10)(l.source)) AS sources,
       arraySort(groupUniqArray(10)(l.owner)) AS owners,
       argMax(l.reason, l.last_seen_at) AS reason, argMax(l.id, l.last_seen_at) AS latest
FROM ({{letters}}) AS l
GROUP BY value
ORDER BY letters DESC, value
LIMIT {limit:UInt32};

-- name: log
-- What happened to one refused input, latest first; an input that keeps coming is cut off.
SELECT d.received_at AS at, d.action AS action, d.actor AS actor, d.comment AS comment,
       d.reason AS reason
FROM dead_letters AS d
WHERE d.id = {id:String}
ORDER BY d.received_at DESC, d.action != 'refused' DESC
LIMIT {limit:UInt32};
