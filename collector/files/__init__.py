"""Event logs from files: XES, CSV, Parquet and OCEL 2.0 become milestones.

Reads: a log file, and the mapping that says which of its columns mean what.
Writes: `milestones` and `segments`, or a running platform's door; the file itself is never changed.
Runs as: `suture import`, once per file. Running it again changes nothing.
Next: `mapping` is what users write; `reading.EventLog` turns a file into tables of milestones with
`xes`, `delimited`, `parquet` and `ocel`, `shaping` and `identity`; `importer` and `sending` deliver
them.
"""
