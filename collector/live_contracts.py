"""Event contracts as they are now: a changed contract counts without a restart.

Only the reader of milestone events follows the files. A configuration that is wrong changes
nothing: the one before it stays in force, and the log says why. What has to agree over all parts,
processes, rules and span contracts, is still read once, at the start.
"""

import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import structlog

from collector.milestones import MilestoneReader, Reading
from collector.redaction import Redactor
from suture.definitions.catalog import Catalog, load_catalog
from suture.errors import DefinitionError

LOOK_SECONDS = 2.0

_log = structlog.get_logger(__name__)

Fingerprint = tuple[tuple[str, int, int], ...]


class LiveContracts:
    """A reader of milestone events that is made anew when the configuration changes."""

    def __init__(self, folder: Path, catalog: Catalog, redactor: Redactor | None = None) -> None:
        """Begin with `catalog`, which was read from `folder`.

        `redactor` stays as it is: doors and store have to redact by the same rules.
        """
        self._redactor = redactor
        self._folder = folder
        self._lock = threading.Lock()
        self._reader = MilestoneReader(catalog, redactor)
        # The files may have changed since they were read: the first look reads them again.
        self._seen: Fingerprint | None = None

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Reading:
        """Read a request by the contracts as of the last look; see `MilestoneReader.read`."""
        return self._reader.read(headers, body, now=now)

    def reader(self) -> MilestoneReader:
        """The reader by the files as they are at this moment."""
        with self._lock:
            found = fingerprint(self._folder)
            if found != self._seen:
                first, self._seen = self._seen is None, found
                self._follow(quietly=first)
            return self._reader

    def _follow(self, *, quietly: bool) -> None:
        try:
            self._reader = MilestoneReader(load_catalog(self._folder), self._redactor)
        except (DefinitionError, OSError) as error:
            _log.error("changed configuration is wrong; the old contracts stay", reason=str(error))
        else:
            if not quietly:
                _log.info("contracts were read again")


class ContractWatch:
    """A thread that looks for changes, so that whoever reads events never waits for files."""

    def __init__(self, contracts: LiveContracts) -> None:
        """Watch what `contracts` were read from."""
        self._contracts = contracts
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="contract-watch", daemon=True)

    def start(self) -> None:
        """Begin to look every `LOOK_SECONDS`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self._contracts.reader()


def fingerprint(folder: Path) -> Fingerprint:
    """What changes when a file of a configuration directory does: names, times and sizes."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # an editor replaced it this moment; the next look sees what came instead
        found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)
