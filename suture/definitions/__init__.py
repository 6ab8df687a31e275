"""Definitions: what users declare in YAML, as validated values.

Reads: a configuration directory (`systems.yaml`, `owners.yaml`, `processes/`, `slas/`,
`contracts/`).
Writes: nothing.
Next: `catalog.load_catalog` reads a whole directory; every mistake is a `Problem` that names the
file, the entry and the field.
"""
