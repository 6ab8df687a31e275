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
    "import": ["tests.bench.importing"],
    "stitching-5k": ["tests.bench.stitching", "5000"],
    "stitching-50k": ["tests.bench.stitching", "50000"],
}


def main(chosen: list[str]) -> int:
    """Run the chosen benches, or all."""
    if unknown := sorted(set(chosen) - set(BENCHES)):
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    over = False
    for name in chosen or BENCHES:
        module, *arguments = BENCHES[name]
        command = [sys.executable, "-m", module, *arguments]
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
