"""The demonstration network: a simulated three-hospital enterprise that feeds the platform.

Reads: nothing of the platform; it imports no stage and no store.
Writes: OTLP over gRPC and HTTP and CloudEvents over HTTP, through the platform's public doors only;
    a truth file (JSON lines) of the faults it injected.
Runs as: `python -m suture.app.demo`, beside a running platform.
Next: `network` (who is there), `supply` and `staffing` (what they do, pure), `faults` and
`incidents` (what goes wrong), `simulate` (the stream of it all, pure and repeatable), then the
shell: `emit` and `lanes` (sending), `drive` and `main` (pacing).
"""
