"""OCEL 2.0 out: the instances of a process as an object-centric event log (ocel-standard.org).

Reads: `instances`, `members`, `links`, `milestones`, by `suture.store.reading.exporting`.
Writes: one file, JSON or SQLite, that takes its place when it is complete.
Runs as: `suture export`.
Next: `export` is the way through; `staging` puts everything into a file of its own first, where
events and objects that instances share become one and get their `names`; `as_json` and `as_sqlite`
write it down; `reimport` makes the mapping by which `suture import` takes it in again.
"""
