"""Delay attribution: which cause each microsecond of an instance's elapsed time belongs to.

Reads: `instances`, `members`, `trace_objects`, `otel_traces`, `trace_links`.
Writes: `attributions`, `instance_traces`, `cursors`.
Runs as: a tick of its own beside the correlator's chain (`job`), and for one instance whenever a
reader asks before the tick came to it (`on_demand`); what they gather (`gather`) is all the I/O.
Next: `attribute` (the rules in order), then `critical_path`, `gaps`, `classes`, `conventions`.
"""
