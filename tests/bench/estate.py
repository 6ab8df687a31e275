"""A supply estate in milestone facts, made by the engine.

Orders are consolidated, and numbered per facility; some receipts are claimed by a second order.
"""

ESTATE = """
INSERT INTO milestones (segment, environment, source, id, milestone, system, occurred_at,
                        recorded_at, object_types, object_ids, attributes)
SELECT bitShiftLeft(toUInt64(1), 32) + intDiv(place - 1, {batch:UInt64}) + 1, 'production',
       '/bench',
       concat(toString(n), '-', toString(k)), concat('m', toString(k)), 'erp',
       toDateTime64('2026-01-01 00:00:00', 6, 'UTC') + at,
       toDateTime64('2026-01-01 00:00:00', 6, 'UTC') + at,
       arrayMap(x -> x.1, objects), arrayMap(x -> toString(x.2), objects),
       map('facility', toString(intDiv(n, 2) % 7))
FROM
(
    SELECT row_number() OVER (ORDER BY at, n, k) AS place, *
    FROM
    (
        SELECT n, k, (n * 20 + k * 36000 + cityHash64(n, k, 1) % 30000)::Int64 AS at,
               multiIf(
                   k <= 1, [('requisition', n)],
                   k = 2, [('requisition', n), ('order', intDiv(n, 2))],
                   k = 3, [('order', intDiv(n, 2))],
                   k = 4, [('order', intDiv(n, 2)), ('invoice', intDiv(n, 2))],
                   k = 5 AND n % 400 = 200, [('order', intDiv(n, 2)), ('receipt', intDiv(n, 2)),
                                             ('receipt', toUInt64(intDiv(n, 2) - 50))],
                   k = 5, [('order', intDiv(n, 2)), ('receipt', intDiv(n, 2))],
                   [('receipt', intDiv(n, 2))]) AS objects
        FROM (SELECT number AS n FROM numbers({requisitions:UInt64})) ARRAY JOIN range(7) AS k
        WHERE k <= 2 OR n % 2 = 0
    )
)
"""

SEGMENTS = """
INSERT INTO segments (stream, sequence, segment, signal, rows, finished_at)
SELECT 1, segment - bitShiftLeft(toUInt64(1), 32), segment, 'milestones', count(), now64(6)
FROM milestones GROUP BY segment
"""
