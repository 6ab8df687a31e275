-- name: page
-- One page of refused inputs, last seen first; the same input refused again is one line.
SELECT d.id AS id, any(d.source) AS source, any(d.event_id) AS event_id, any(d.type) AS type,
       argMax(d.reason, d.received_at) AS reason, argMax(d.owner, d.received_at) AS owner,
       any(d.door) AS door, min(d.received_at) AS first_seen_at, max(d.received_at) AS last_seen_at,
       count() AS found, any(d.payload_bytes) AS payload_bytes, any(d.preview) AS preview
FROM dead_letters AS d
WHERE d.environment IN ({environment:String}, '')
  AND ({source:String} = '' OR d.source = {source:String})
  AND ({type:String} = '' OR d.type = {type:String})
  AND ({reason:String} = '' OR positionCaseInsensitiveUTF8(d.reason, {reason:String}) > 0)
  AND ({id:String} = '' OR d.id = {id:String})
GROUP BY d.id
HAVING (last_seen_at, id) < (fromUnixTimestamp64Micro({after_seen:Int64}, 'UTC'), {after_id:String})
ORDER BY last_seen_at DESC, id DESC
LIMIT {limit:UInt32};

-- name: count
-- How many refused inputs there are.
SELECT uniqExact(id) AS found FROM dead_letters WHERE environment IN ({environment:String}, '');
