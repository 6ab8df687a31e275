-- name: page
-- Events that arrived with several contents, the one with the latest recorded content first, behind a
-- position. All contents of an event stand against the same one that counts.
SELECT event_key, any(c.environment) AS environment, any(c.source) AS source, any(c.id) AS id,
       any(kept_hash) AS kept, any(kept_segment) AS segment, any(kept_recorded_at) AS kept_recorded,
       any(c.objects) AS objects, max(other_recorded_at) AS latest,
       arraySort(other -> (other.1, other.2),
           groupArray((other_at, other_hash, other_segment, other_recorded_at))) AS others
FROM conflicts AS c FINAL
WHERE {{filters}}
GROUP BY event_key
HAVING latest >= fromUnixTimestamp64Micro({from:Int64}, 'UTC')
   AND latest < fromUnixTimestamp64Micro({to:Int64}, 'UTC')
   AND (latest, event_key)
       < (fromUnixTimestamp64Micro({after_latest:Int64}, 'UTC'), {after_key:String})
ORDER BY latest DESC, event_key DESC
LIMIT {limit:UInt32};

-- name: filter_listed
-- Of an environment, and of one source or event where they are named.
c.environment = {environment:String}
  AND ({source:String} = '' OR c.source = {source:String})
  AND ({id:String} = '' OR c.id = {id:String});

-- name: filter_members
-- Of the events of one instance.
event_key IN
(
    SELECT event_key FROM members FINAL
    WHERE process = {process:String} AND anchor = {anchor:String} AND removed = 0
);

-- name: contents
-- What some events said in some segments; of equal arrivals in one segment one with a trace.
SELECT event_key, content_hash, milestone, occurred_at, sequence, outcome, reason, attributes,
       arraySort(arrayZip(object_types, object_ids)) AS objects, trace_id
FROM milestones
WHERE segment IN {segments:Array(UInt64)} AND event_key IN {keys:Array(String)}
ORDER BY event_key, content_hash, trace_id = '', trace_id
LIMIT 1 BY event_key, content_hash;

-- name: instances
-- The instances that some events about some objects are members of, a few for each event.
SELECT event_key, process, anchor
FROM members FINAL
WHERE anchor IN
  (
      SELECT anchor FROM reaches FINAL
      WHERE object IN {objects:Array(String)} AND removed = 0
  )
  AND event_key IN {keys:Array(String)} AND removed = 0
ORDER BY event_key, process, anchor
LIMIT {most:UInt32} BY event_key;
