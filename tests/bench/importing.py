"""A log the size of a real one (338 k events in 12 k cases), from the file to verdicts."""

import logging
import os
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

from collector.files.importer import import_file
from collector.files.mapping import read_mapping
from suture.app.logs import configure_logs
from suture.app.stages import Stages, work_off_all
from suture.clock import SystemClock
from suture.definitions.catalog import load_catalog
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.migrate import migrate
from tests.bench.report import peak_mib, report

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "deploy" / "config" / "healthcare"
REAL = "bpi-challenge-2019-one-trace-per-variant.xes.gz"
CASES, EVENTS = 12_000, 338_000
NAMES = ("Create Purchase Order Item", "Record Goods Receipt", "Record Invoice Receipt")


def _log(folder: Path) -> Path:
    data = Path(os.environ.get("SUTURE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if (data / REAL).exists():
        return data / REAL
    return _generated(folder / "log.xes")


def _generated(path: Path) -> Path:
    chance = random.Random(1)
    begin = datetime(2018, 1, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as out:
        out.write("<log>")
        for case in range(CASES):
            id_ = f"{4_500_000_000 + case // 7}_{case:05d}"
            out.write(f'<trace><string key="concept:name" value="{id_}"/>')
            at = begin + timedelta(minutes=chance.randrange(500_000))
            for step in range(EVENTS // CASES):
                at += timedelta(minutes=chance.randrange(4_000))
                name = quoteattr("Clear Invoice" if step == 27 else NAMES[step % 3])
                out.write(
                    f'<event><date key="time:timestamp" value="{at.isoformat()}"/>'
                    f'<string key="concept:name" value={name}/></event>'
                )
            out.write("</trace>")
        out.write("</log>")
    return path


def main() -> None:
    """Import, stitch, judge; then import again."""
    catalog, clock = load_catalog(CONFIG), SystemClock()
    mapping = read_mapping(CONFIG / "mappings" / "bpi-challenge-2019.yaml")
    with tempfile.TemporaryDirectory() as folder:
        log = _log(Path(folder))
        settings = Settings(data=Path(folder))
        with Store(settings.store_url, max_memory_bytes=settings.max_store_memory_bytes) as store:
            migrate(store)
            began = time.perf_counter()
            result = import_file(store, log, mapping, catalog=catalog, clock=clock)
            loaded = time.perf_counter()
            stages = Stages(store, catalog, settings)
            work_off_all(stages.chain, clock.now)
            ended = time.perf_counter()
            again = import_file(store, log, mapping, catalog=catalog, clock=clock)
            stages.close()
    if again.imported:
        sys.exit(f"a second import brought {again.imported} events")
    seconds = ended - began
    report(
        "import_to_verdicts_seconds",
        seconds,
        "s",
        at_most=30,
        events=result.imported,
        events_per_second=round(result.imported / seconds),
        load_seconds=round(loaded - began, 2),
        second_import_seconds=round(time.perf_counter() - ended, 2),
    )
    report("import_peak_memory", peak_mib(), "MiB", at_most=1536)


if __name__ == "__main__":
    configure_logs("console", level=logging.WARNING)
    main()
