-- name: read_streams
-- How far a stage has read each stream of segments.
SELECT stream, max(position) AS position FROM cursors
WHERE stage = {stage:String}
GROUP BY stream;

-- name: unread_segments
-- Finished segments beyond what a stage has read of their streams, oldest first. The last conditions
-- follow from the one before them; they are of the kind that the primary key can answer.
SELECT stream, sequence, segment, rows, toString(signal) AS signal
FROM segments FINAL
WHERE signal IN {signals:Array(String)}
  AND sequence > transform(toUInt64(stream), {streams:Array(UInt64)}, {positions:Array(UInt64)}, toUInt64(0))
  AND (stream != {long:Array(UInt64)}[1] OR sequence > {upto:Array(UInt64)}[1])
  AND (stream != {long:Array(UInt64)}[2] OR sequence > {upto:Array(UInt64)}[2])
  AND (stream != {long:Array(UInt64)}[3] OR sequence > {upto:Array(UInt64)}[3])
  AND (stream != {long:Array(UInt64)}[4] OR sequence > {upto:Array(UInt64)}[4])
  AND (stream != {long:Array(UInt64)}[5] OR sequence > {upto:Array(UInt64)}[5])
  AND (stream != {long:Array(UInt64)}[6] OR sequence > {upto:Array(UInt64)}[6])
ORDER BY stream, sequence
LIMIT {limit:UInt32};
