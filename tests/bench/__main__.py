"""`make bench`: measures what has a budget, prints JSON lines, exits 1 if one is over its budget.

Each measurement runs in a process of its own, because the embedded engine opens one directory per
process. Machines differ and share their cores, so a budget is a ratio to a reference that was
measured in the same run wherever there is one.
"""

import json
import subprocess
import sys

BENCHES = {
    "ingest": ["tests.bench.ingest"],
    "redaction": ["tests.bench.redaction"],
    "milestones": ["tests.bench.milestones"],
    "import": ["tests.bench.importing"],
    "stitching-5k": ["tests.bench.stitching", "5000"],
    "stitching-50k": ["tests.bench.stitching", "50000"],
    "stitching-history": ["tests.bench.history"],
    "estate": ["tests.bench.linked"],
    "attribution": ["tests.bench.attribution"],
    "attribution-truth": ["tests.bench.attribution", "truth"],
    "views": ["tests.bench.views"],
}
ENDURANCE = {
    "crash": ["tests.bench.crash"],
    "outage": ["tests.bench.outage"],
    "fuzz": ["tests.bench.fuzz"],
}
"""These take minutes and run only when they are named."""


def main(given: list[str]) -> int:
    """Run the chosen benches, or all that are quick; options after the names are for the bench."""
    first_option = next((n for n, word in enumerate(given) if word.startswith("-")), len(given))
    chosen, options = given[:first_option], given[first_option:]
    known = BENCHES | ENDURANCE
    if unknown := sorted(set(chosen) - set(known)):
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}", file=sys.stderr)
        return 2
    over = False
    for name in chosen or BENCHES:
        module, *arguments = known[name]
        command = [sys.executable, "-m", module, *arguments, *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(f"{name} failed with exit code {done.returncode}", file=sys.stderr)
            over = True
        for line in done.stdout.splitlines():
            print(line, flush=True)
            over |= not json.loads(line)["within_budget"]
    return int(over)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
