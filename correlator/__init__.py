"""The correlator: stitches milestone facts into process instances.

Reads: `milestones` (by finished segment), and its own tables for what is already known.
Writes: `event_objects`, `links`, `members`, `reached_objects`, `instances`, `instance_changes`,
`reaches`, `identities`, `conflicts`, `cursors`.
Runs as: a tick of the scheduler in `suture serve` and `suture worker`; one tick at a time.
Next: read `stitch` for the rules, then `job` for the order of writes.
"""
