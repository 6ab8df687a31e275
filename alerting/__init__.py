"""Alerting: one alert for a breach, one notification when trouble starts and one when it ends.

Reads: `verdict_changes` and `verdict_states` (what became or ceased to be a breach).
Writes: `alert_events` (all that happens to alerts), `deliveries` (what is sent, and every attempt),
`cursors`.
Runs as: two jobs of the scheduler in `suture serve` and `suture worker`: `pipeline`, a tick after
the SLA stage's, which decides and queues; and `outbox`, on its own, which sends.
Next: read `policy` for what is decided, `pipeline` for the order of writes, then `outbox`.
"""
