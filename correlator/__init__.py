"""The correlator: stitches milestone facts into process instances.

Reads: `milestones`, `trace_objects` and `otel_traces` (by finished segment), `link_decisions`, and
its own tables for what is already known.
Writes: `event_objects`, `trace_carriers`, `linked_traces`, `trace_pairs`, `links`, `links_to`,
`ambiguous_links`, `members`, `reached_objects`, `instances`, `instance_changes`, `reaches`,
`identities`, `conflicts`, `cursors`.
Runs as: a tick of the scheduler in `suture serve` and `suture worker`; one tick at a time.
Next: read `stitch` for the rules, `acceptance` for which links hold, `bridges` for what traces say,
then `job` for the order of writes.
"""
