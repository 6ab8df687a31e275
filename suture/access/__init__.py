"""Who may come in, at every door of the platform: keys, certificates, limits.

Reads: the file of keys (`key_file`), the settings' one key, certificates.
Writes: when keys were last used.
Runs as: a `Doorkeeper` in each process that has doors. It keeps the keys in memory and reads them
    again every second, so that a door never waits for the file, and a revocation holds within
    seconds in every process.
Next: `tokens` (what a key looks like), `key_file` (where keys lie), `doorkeeper` (who may come in),
    `rates` (how much), `tls` (certificates), `http_server` (the HTTP server's own limits).
"""
