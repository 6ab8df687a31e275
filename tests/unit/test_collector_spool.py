import itertools
import sqlite3
import stat
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from collector.dead_letters import PayloadReader
from collector.refusals import Refusal, make_refusal
from collector.spool import PAYLOADS_RETENTION, Entry, Segment, Spool, decode_letter
from collector.spool_file import CHECKPOINT_BYTES, pending_of
from collector.spool_writer import SpoolWriter
from suture.contracts.trace import Signal
from suture.errors import SpoolFull, Unavailable

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BIG = 1 << 40


def entry(payload: bytes, *, items: int = 1, signal: Signal = Signal.TRACES) -> Entry:
    return Entry(signal=signal, received_at=NOW, items=items, payload=payload)


def refusal(payload: bytes, reason: str = "bad") -> Refusal:
    return make_refusal(
        payload, reason=reason, received_at=NOW, door="milestones", content_type="text/plain"
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path: Path) -> Any:
    opened = Spool(path)
    yield opened
    opened.close()


def take(spool: Spool, signal: Signal = Signal.TRACES, items: int = 1000) -> Segment | None:
    return spool.next_segment(signal, max_items=items, max_bytes=BIG)


def test_the_file_is_its_owner_s_only(path: Path, spool: Spool) -> None:
    spool.append([entry(b"x")])
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_other_connections_of_this_process_cost_no_lock(path: Path, spool: Spool) -> None:
    spool.append([entry(b"before")])
    Spool(path).close()
    pending_of(path)
    # Another process comes and goes; if our lock were lost, it would think itself the last one and
    # take the write-ahead log away.
    code = f"import pathlib, collector.spool as s; s.Spool(pathlib.Path({str(path)!r})).close()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert path.with_name(f"{path.name}-wal").exists()
    spool.append([entry(b"after")])
    segment = take(spool)
    assert segment is not None
    assert [r.payload for r in spool.read(segment)] == [b"before", b"after"]


def test_records_come_back_in_order_with_their_times(spool: Spool) -> None:
    spool.append([entry(b"a"), entry(b"b", items=2), entry(b"m", signal=Signal.MILESTONES)])
    segment = take(spool)
    assert segment is not None
    records = spool.read(segment)
    assert [(r.payload, r.items, r.received_at, r.intact) for r in records] == [
        (b"a", 1, NOW, True),
        (b"b", 2, NOW, True),
    ]


def test_a_segment_is_formed_once_and_numbered_by_stream_and_sequence(spool: Spool) -> None:
    spool.append([entry(b"a")])
    first = take(spool)
    spool.append([entry(b"b")])
    again = take(spool)
    assert first is not None
    assert again is not None
    assert (first.resumed, again.resumed) == (False, True)
    assert first.number == again.number == first.stream << 32 | 1
    assert [r.payload for r in spool.read(again)] == [b"a"]
    spool.finish(again)
    following = take(spool)
    assert following is not None
    assert following.number == first.number + 1
    assert [r.payload for r in spool.read(following)] == [b"b"]


@pytest.mark.parametrize(("items", "size", "expected"), [(3, BIG, 3), (100, 4, 2), (1, BIG, 1)])
def test_a_segment_respects_its_limits(spool: Spool, items: int, size: int, expected: int) -> None:
    spool.append([entry(b"xx") for _ in range(5)])
    segment = spool.next_segment(Signal.TRACES, max_items=items, max_bytes=size)
    assert segment is not None
    assert len(spool.read(segment)) == expected


def test_a_record_beyond_the_limits_is_a_segment_of_its_own(spool: Spool) -> None:
    spool.append([entry(bytes(100), items=50), entry(b"x")])
    segment = spool.next_segment(Signal.TRACES, max_items=10, max_bytes=10)
    assert segment is not None
    assert [r.items for r in spool.read(segment)] == [50]


def test_streams_of_two_spools_differ(tmp_path: Path) -> None:
    numbers = set()
    for name in ("a", "b"):
        spool = Spool(tmp_path / name)
        spool.append([entry(b"x")])
        segment = take(spool)
        assert segment is not None
        numbers.add(segment.stream)
        spool.close()
    assert len(numbers) == 2


def test_a_new_attempt_has_a_token_never_used_before(path: Path, spool: Spool) -> None:
    spool.append([entry(b"a")])
    segment = take(spool)
    assert segment is not None
    tokens = {segment.token, spool.new_attempt(segment).token}
    other = Spool(path)
    resumed = take(other)
    assert resumed is not None
    tokens.add(other.new_attempt(resumed).token)
    other.close()
    assert len(tokens) == 3


def test_at_the_cap_nothing_is_taken_until_something_is_loaded(path: Path) -> None:
    spool = Spool(path, max_bytes=10)
    spool.append([entry(b"123456")])
    with pytest.raises(SpoolFull):
        spool.append([entry(b"789012")])
    segment = take(spool)
    assert segment is not None
    spool.finish(segment)
    spool.append([entry(b"789012")])
    assert spool.pending()[Signal.TRACES].bytes == 6
    spool.close()


def test_pending_is_read_by_others_while_one_writes(path: Path, spool: Spool) -> None:
    spool.append([entry(b"abc", items=2), entry(b"d", items=3)])
    waiting = pending_of(path)[Signal.TRACES]
    assert (waiting.records, waiting.items, waiting.bytes, waiting.oldest) == (2, 5, 4, NOW)
    assert pending_of(path)[Signal.MILESTONES].oldest is None


def test_nothing_is_pending_where_there_is_no_spool(tmp_path: Path) -> None:
    assert pending_of(tmp_path / "none.db") == {}


def test_a_refused_record_leaves_its_segment_and_is_a_dead_letter(path: Path, spool: Spool) -> None:
    spool.append([entry(b"good"), entry(b"bad")])
    segment = take(spool)
    assert segment is not None
    bad = spool.read(segment)[1]
    spool.refuse({bad.id: refusal(b"bad")})
    assert [r.payload for r in spool.read(segment)] == [b"good"]
    letters = take(spool, Signal.DEAD_LETTERS)
    assert letters is not None
    (stored,) = spool.read(letters)
    letter = decode_letter(stored.payload)
    assert letter == refusal(b"bad").letter
    payload = PayloadReader(path).get(letter.id)
    assert payload is not None
    assert (payload.content, payload.content_type) == (b"bad", "text/plain")


def test_a_damaged_record_is_noticed(path: Path, spool: Spool) -> None:
    spool.append([entry(b"fine"), entry(b"hurt")])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE records SET payload = X'00' WHERE id = 2")
    connection.close()
    segment = take(spool)
    assert segment is not None
    assert [r.intact for r in spool.read(segment)] == [True, False]


def test_a_large_segment_is_removed_in_steps_that_survive_a_restart(path: Path) -> None:
    spool = Spool(path)
    spool.append([entry(bytes(3 * 1024 * 1024)) for _ in range(6)])
    segment = take(spool)
    assert segment is not None
    # Stop between the steps: only the first is done.
    spool._purge_finished = lambda signal: None  # type: ignore[method-assign]
    spool.finish(segment)
    spool.close()
    assert 0 < pending_of(path)[Signal.TRACES].records < 6
    spool = Spool(path)
    assert take(spool) is None
    assert spool.pending()[Signal.TRACES].records == 0
    spool.close()


def test_a_full_disk_refuses_and_corrupts_nothing(path: Path) -> None:
    spool = Spool(path)
    spool.append([entry(b"before")])
    spool._db.execute("PRAGMA max_page_count = 40")
    with pytest.raises(Unavailable, match="its disk is full"):
        spool.append([entry(bytes(2_000_000))])
    spool._db.execute("PRAGMA max_page_count = 1073741823")
    spool.append([entry(b"after")])
    segment = take(spool)
    assert segment is not None
    assert [r.payload for r in spool.read(segment)] == [b"before", b"after"]
    assert spool._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    spool.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 MiB; where none can be mounted, the test above has to do."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False, text=True)
    except FileNotFoundError:
        pytest.skip("no disk can be mounted here: there is no mount command")
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill_spool(writer: SpoolWriter, first: int = 0) -> list[bytes]:
    """Append until that fails; what was acknowledged."""
    taken = []
    for n in itertools.count(first):
        payload = b"%08d" % n + bytes(500_000)
        future = writer.append([entry(payload)])
        if isinstance(future.exception(timeout=30), Unavailable):
            assert "disk is full" in str(future.exception())
            return taken
        future.result()
        taken.append(payload)
    return taken


def load_all(path: Path) -> list[bytes]:
    """What a loader would do with a store that works."""
    spool = Spool(path)
    loaded = []
    while segment := spool.next_segment(Signal.TRACES, max_items=10, max_bytes=BIG):
        loaded += [record.payload for record in spool.read(segment) if record.intact]
        spool.finish(segment)
    assert spool.tidy()
    spool.close()
    return loaded


def test_on_a_disk_that_the_spool_has_filled_loading_makes_room(small_disk: Path) -> None:
    path = small_disk / "spool.db"
    writer = SpoolWriter(path, max_bytes=BIG, reserve_bytes=48 * 1024 * 1024)
    loaded, taken = [], []
    for _ in range(3):
        accepted = fill_spool(writer, len(taken))
        assert len(accepted) > 10
        taken += accepted
        loaded += load_all(path)
    writer.close()
    assert loaded == taken


def test_a_disk_that_others_fill_is_waited_for(small_disk: Path) -> None:
    path = small_disk / "spool.db"
    writer = SpoolWriter(path, max_bytes=BIG, reserve_bytes=0)
    taken = [b"%08d" % n for n in range(10)]
    wait([writer.append([entry(payload)]) for payload in taken], timeout=30)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    taken += fill_spool(writer, len(taken))
    ballast.unlink()
    assert writer.append([entry(b"after")]).result(timeout=30) is None
    writer.close()
    assert load_all(path) == [*taken, b"after"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


# -- giving space back ----------------------------------------------------------------------------


def bytes_on_disk(path: Path) -> bytes:
    """All files of a spool, read by another process: opening them here would drop our locks."""
    names = [str(p) for p in path.parent.iterdir()]
    return subprocess.run(["cat", *names], capture_output=True, check=True).stdout


def test_what_was_loaded_is_gone_from_the_disk(path: Path, spool: Spool) -> None:
    producer = Spool(path)  # holds on to the write-ahead log, as the receiver does
    secrets = [b"secret-%d-" % n + bytes(size) for n, size in enumerate((1, 300, 20_000, 900_000))]
    producer.append([entry(secret) for secret in secrets])
    assert b"secret-3-" in bytes_on_disk(path)
    assert not spool.tidy()  # something waits
    segment = take(spool)
    assert segment is not None
    spool.finish(segment)
    assert spool.tidy()
    assert b"secret-" not in bytes_on_disk(path)
    producer.append([entry(b"more")])
    producer.close()


def test_the_file_shrinks_after_a_backlog(path: Path, spool: Spool) -> None:
    for _ in range(10):
        spool.append([entry(bytes(3_000_000))])
    segment = take(spool)
    assert segment is not None
    spool.finish(segment)
    assert spool.tidy()
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 1_000_000


def test_the_write_ahead_log_stays_small_without_sqlite_s_own_checkpoints(
    path: Path, spool: Spool
) -> None:
    # Those run beside writers, where SQLite up to 3.51.2 may lose what was committed.
    assert spool._db.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    other = Spool(path)
    for round_ in range(80):
        (spool if round_ % 2 else other).append([entry(bytes(1_000_000))])
    log = path.with_name(f"{path.name}-wal")
    assert log.stat().st_size < 3 * CHECKPOINT_BYTES
    assert path.stat().st_size > 80_000_000 - 3 * CHECKPOINT_BYTES
    other.close()


def test_a_commit_stands_when_the_log_cannot_be_emptied(
    monkeypatch: pytest.MonkeyPatch, spool: Spool
) -> None:
    tried = []

    def failing(_: sqlite3.Connection) -> None:
        tried.append(1)
        raise Unavailable("the disk is full")

    monkeypatch.setattr("collector.spool.checkpoint", failing)
    for _ in range(3):
        spool.append([entry(bytes(CHECKPOINT_BYTES))])
    assert len(tried) == 3
    assert spool.pending()[Signal.TRACES].records == 3


def test_refused_payloads_expire(path: Path, spool: Spool) -> None:
    kept = refusal(b"kept")
    spool.append([], [kept])
    spool.expire_payloads(NOW + PAYLOADS_RETENTION)
    assert PayloadReader(path).get(kept.letter.id) is not None
    spool.expire_payloads(NOW + PAYLOADS_RETENTION + timedelta(seconds=1))
    assert PayloadReader(path).get(kept.letter.id) is None


def test_refused_payloads_have_a_cap(path: Path, spool: Spool, monkeypatch: Any) -> None:
    monkeypatch.setattr("collector.spool.PAYLOADS_MAX_BYTES", 10)
    given = [refusal(bytes([n]) * 4) for n in range(5)]
    spool.append([], given)
    spool.expire_payloads(NOW)
    left = [r for r in given if PayloadReader(path).get(r.letter.id)]
    assert len(left) == 2


def test_dead_letters_found_in_a_segment_are_kept_with_its_end(spool: Spool) -> None:
    spool.append([entry(b"a")])
    segment = take(spool)
    assert segment is not None
    spool.finish(segment, [refusal(b"found")])
    assert spool.pending()[Signal.DEAD_LETTERS].records == 1


# -- the writer -----------------------------------------------------------------------------------


def test_many_appends_at_once_are_all_durable(path: Path) -> None:
    writer = SpoolWriter(path, max_bytes=BIG)
    with ThreadPoolExecutor(8) as pool:
        futures = list(pool.map(lambda n: writer.append([entry(b"%d" % n)]), range(500)))
    wait(futures, timeout=30)
    assert all(f.exception() is None for f in futures)
    writer.close()
    spool = Spool(path)
    segment = take(spool)
    assert segment is not None
    assert {r.payload for r in spool.read(segment)} == {b"%d" % n for n in range(500)}
    spool.close()


def test_a_request_over_the_cap_takes_no_other_down(path: Path) -> None:
    writer = SpoolWriter(path, max_bytes=100)
    futures = [writer.append([entry(bytes(n))]) for n in (10, 1000, 10)]
    wait(futures, timeout=30)
    assert [type(f.exception()) for f in futures] == [type(None), SpoolFull, type(None)]
    writer.close()


def test_after_closing_nothing_is_taken(path: Path) -> None:
    writer = SpoolWriter(path, max_bytes=100)
    accepted = writer.append([entry(b"x")])
    writer.close()
    assert accepted.done()
    assert isinstance(writer.append([entry(b"x")]).exception(), Unavailable)


def test_a_cancelled_request_does_not_stop_the_writer(path: Path) -> None:
    writer = SpoolWriter(path, max_bytes=BIG)
    futures = [writer.append([entry(b"x")]) for _ in range(200)]
    for future in futures[::2]:
        future.cancel()
    wait(futures, timeout=30)
    assert writer.append([entry(b"last")]).result(timeout=30) is None
    writer.close()


def test_a_spool_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be made"):
        SpoolWriter(Path("/proc/nowhere/spool.db"), max_bytes=BIG)
    (tmp_path / "file").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(Unavailable):
        SpoolWriter(tmp_path / "file", max_bytes=BIG)


# -- any interleaving -----------------------------------------------------------------------------


class SpoolMachine(RuleBasedStateMachine):
    """Appends, segments, attempts, ends and restarts in any order keep each record once."""

    def __init__(self) -> None:
        super().__init__()
        self.appended: list[tuple[bytes, int]] = []
        self.loaded: list[tuple[bytes, int]] = []
        self.open: Segment | None = None
        self.content: list[bytes] = []
        self.numbers: list[int] = []
        self.counter = 0

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "spool.db"
        self.reader = Spool(self.path)
        self.writer = Spool(self.path)

    def teardown(self) -> None:
        self.reader.close()
        self.writer.close()
        self.folder.cleanup()

    @rule(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), failing=st.booleans())
    def append(self, sizes: list[int], failing: bool) -> None:
        entries = []
        for items in sizes:
            self.counter += 1
            entries.append(entry(b"%d" % self.counter * items, items=items))
        self.writer._max_bytes = 0 if failing else None
        try:
            self.writer.append(entries)
        except SpoolFull:
            assert failing
        else:
            assert not failing
            self.appended += [(e.payload, e.items) for e in entries]

    @rule(items=st.integers(1, 8))
    def take_segment(self, items: int) -> None:
        segment = take(self.reader, items=items)
        if segment is None:
            assert self.open is None
            assert len(self.appended) == len(self.loaded)
            return
        content = [r.payload for r in self.reader.read(segment)]
        assert content
        if self.open is not None:
            assert segment.resumed
            assert (segment.number, content) == (self.open.number, self.content)
        else:
            assert not segment.resumed
            assert segment.number not in self.numbers
            self.numbers.append(segment.number)
        self.open, self.content = segment, content

    @rule()
    def attempt(self) -> None:
        if self.open is not None:
            before = self.open.token
            self.open = self.reader.new_attempt(self.open)
            assert self.open.token != before

    @rule()
    def finish(self) -> None:
        if self.open is not None:
            records = self.reader.read(self.open)
            self.loaded += [(r.payload, r.items) for r in records]
            self.reader.finish(self.open)
            self.open = None

    @rule()
    def restart(self) -> None:
        self.reader.close()
        self.writer.close()
        self.reader, self.writer = Spool(self.path), Spool(self.path)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert self.loaded == self.appended[: len(self.loaded)]
        waiting = pending_of(self.path)[Signal.TRACES]
        left = self.appended[len(self.loaded) :]
        assert waiting.records == len(left)
        assert waiting.items == sum(items for _, items in left)
        assert waiting.bytes == sum(len(payload) for payload, _ in left)


class TestAnyInterleaving(SpoolMachine.TestCase):  # type: ignore[name-defined, misc]
    settings = settings(
        max_examples=40,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def test_the_checksum_is_crc32(path: Path, spool: Spool) -> None:
    spool.append([entry(b"abc")])
    with sqlite3.connect(path) as connection:
        stored = connection.execute("SELECT checksum FROM records").fetchone()[0]
    connection.close()
    assert stored == zlib.crc32(b"abc")
