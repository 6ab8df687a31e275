"""SLA rules: hold every instance against the rules of its process, and say why.

Reads: `instances` and `instance_changes` (what the correlator touched), `deadlines` (what is due).
Writes: `verdicts` (every decision), `deadlines`, `verdict_changes`, `verdict_states`, `cursors`.
Runs as: a tick of the scheduler in `suture serve` and `suture worker`, after the correlator's; one
tick at a time.
Next: read `evaluate` for the clock, `decide` for what becomes of an earlier verdict, then `job`.
"""
