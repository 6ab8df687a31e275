"""The store: one ClickHouse dialect, embedded or behind HTTP.

`engine.Store` is the port everybody uses; it is the only importer of the driver. Queries stand in
`queries/*.sql` as named blocks, tables in `migrations/*.sql`, and one module per table family turns
rows into values and back.
"""
