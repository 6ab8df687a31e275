"""What the API and the pages read: one module per question, all of it read-only.

Reads: `instances`, `members`, `links`, `links_to`, `ambiguous_links`, `link_decisions`, `reaches`,
`verdict_states`, `otel_traces`, `dead_letters`, `segments`, `cursors`, `sources`, `source_minutes`,
`source_arrivals`, `clock_edges`, `clock_offsets`.
Writes: nothing.
Next: `instances` (lists and one instance), `processes` (counts), `measures` (KPIs),
`links` (what waits for a decision), `sources` (who sends, coverage), `traces`, `dead_letters`,
`status`. Answers are aggregated in the engine; lists are read a page at a time.
"""
