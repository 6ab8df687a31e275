"""Keys: what they look like, how they are kept, and when they open something."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.access import doorkeeper as module
from suture.access import tokens
from suture.access.doorkeeper import Credentials, Doorkeeper
from suture.access.key_file import KeyFile
from suture.access.rates import Meter
from suture.clock import ManualClock
from suture.contracts.access import ALL_SCOPES, ANYBODY, Rates, Scope
from suture.errors import (
    AccessDenied,
    InvalidInput,
    NotFound,
    NotPermitted,
    RateLimited,
    Unavailable,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
READ = frozenset({Scope.READ})


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "access.db")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def make(file: KeyFile, name: str = "k", **options: Any) -> tokens.Token:
    given = {"name": name, "scopes": READ, "now": NOW, "by": "root@host", **options}
    return file.create(**given)


def keeper(file: KeyFile, clock: ManualClock, **more: Any) -> Doorkeeper:
    return Doorkeeper(Credentials(key_file=str(file.path), **more), clock)


def bearer(token: object) -> str:
    return f"Bearer {token}"


# -- what they look like and how they are kept ----------------------------------------------------


def test_keys_are_random_and_can_be_taken_apart() -> None:
    made = {str(tokens.new_token()) for _ in range(200)}
    assert len(made) == 200
    for text in made:
        prefix, id_, secret = text.split("_")
        # 52 letters of 5 bits hold 256 bits.
        assert (prefix, len(id_), len(secret)) == ("sut", 8, 52)
        assert str(tokens.parse(text)) == text


@given(st.text(max_size=300))
def test_any_text_is_a_key_or_none(text: str) -> None:
    token = tokens.parse(text)
    assert token is None or str(token) == text


def test_a_secret_does_not_show() -> None:
    token = tokens.new_token()
    assert token.secret not in repr(token)
    assert "…" in repr(tokens.Digest.of(token.secret))


def test_no_secret_is_in_the_file_which_only_its_owner_reads(file: KeyFile) -> None:
    token = make(file)
    again = file.rotate(token.id, now=NOW, by="x", overlap_until=NOW)
    content = b"".join(path.read_bytes() for path in file.path.parent.iterdir())
    for secret in (token.secret, again.secret):
        assert secret.encode() not in content
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_the_same_secret_is_kept_differently_each_time() -> None:
    first, second = tokens.Digest.of("s"), tokens.Digest.of("s")
    assert first.digest != second.digest
    assert first.fits("s")
    assert not first.fits("t")


def test_the_record_of_a_key(file: KeyFile) -> None:
    rates = Rates(requests=5, bytes=1e6)
    make(file, "erp", expires_at=NOW + timedelta(days=1), rates=rates)
    (record,) = file.records()
    assert (record.name, record.scopes, record.rates) == ("erp", READ, rates)
    assert (record.created_at, record.created_by) == (NOW, "root@host")
    assert record.state(NOW) == "live"
    assert record.state(NOW + timedelta(days=1)) == "expired"
    file.note_uses({record.id: NOW + timedelta(hours=1)})
    file.note_uses({record.id: NOW})
    assert file.records()[0].last_used_at == NOW + timedelta(hours=1)
    revoked = file.revoke("erp", now=NOW, by="me")
    assert (revoked.state(NOW), revoked.revoked_by) == ("revoked", "me")
    assert file.revoke(record.id, now=NOW + timedelta(hours=2), by="other") == revoked


def test_what_no_key_may_be(file: KeyFile) -> None:
    make(file, "taken")
    wrong: list[dict[str, Any]] = [
        {"name": " "},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"name": "taken"},
        {"scopes": frozenset()},
        {"expires_at": NOW},
        {"rates": Rates(requests=0)},
        {"rates": Rates(bytes=float("nan"))},
    ]
    for change in wrong:
        with pytest.raises(InvalidInput, match=r"name|scope|expires|rate"):
            make(file, **{"name": "new", **change})
    gone = file.revoke("taken", now=NOW, by="me")
    make(file, "taken")
    assert len(file.records()) == 2
    with pytest.raises(NotFound):
        file.revoke("nobody", now=NOW, by="me")
    with pytest.raises(InvalidInput, match="is revoked"):
        file.rotate(gone.id, now=NOW, by="me", overlap_until=NOW)


def test_many_processes_may_make_keys_at_once(file: KeyFile) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: make(KeyFile(file.path), f"k{n}").id, range(24)))
    assert {record.id for record in file.records()} == set(made)


def test_a_file_that_is_none_is_said(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "access.db"
    path.write_bytes(b"not a database, whatever its name says" * 100)
    with pytest.raises(Unavailable, match=r"access\.db cannot be used"):
        keeper(KeyFile(path), clock)


# -- when they open something ---------------------------------------------------------------------


def test_without_any_key_anybody_comes_in(file: KeyFile, clock: ManualClock) -> None:
    open_ = keeper(file, clock, own_key="own")
    assert not open_.closed
    assert open_.admit("", Scope.ADMIN) is ANYBODY
    assert not file.path.exists()
    with pytest.raises(AccessDenied):
        keeper(file, clock, always_closed=True).admit("", None)


def test_the_settings_key_may_do_everything(file: KeyFile, clock: ManualClock) -> None:
    access = keeper(file, clock, api_key="s3cret", own_key="own")
    for scope in Scope:
        assert access.admit("bearer  s3cret ", scope).scopes == ALL_SCOPES
    for wrong in ("", "Bearer", "Bearer ", "Bearer s3cre", "Basic s3cret", "s3cret", "Bearer é"):
        with pytest.raises(AccessDenied):
            access.admit(wrong)
    assert access.admit("Bearer own", Scope.INGEST)
    with pytest.raises(NotPermitted):
        access.admit("Bearer own", Scope.READ)


def test_a_key_has_exactly_its_scopes(file: KeyFile, clock: ManualClock) -> None:
    for scope in Scope:
        token = make(file, scope.value, scopes=frozenset({scope}))
        access = keeper(file, clock)
        for needed in Scope:
            if needed == scope:
                assert access.admit(bearer(token), needed).id == token.id
                continue
            with pytest.raises(NotPermitted, match=f"has not the scope '{needed}'"):
                access.admit(bearer(token), needed)


def test_wrong_keys_open_nothing(file: KeyFile, clock: ManualClock) -> None:
    token, other = make(file, "a"), make(file, "b")
    access = keeper(file, clock)
    wrong = [
        f"sut_{token.id}_{other.secret}",
        f"sut_{token.id}_{token.secret}x",
        f"sut_{token.id}_{token.secret[:-1]}",
        f"sut_{token.id}_",
        f"sut_unknown_{token.secret}",
        token.secret,
        str(token).upper(),
        "sut__",
        "sut_" + "x" * 100_000,
    ]
    for text in wrong:
        with pytest.raises(AccessDenied, match="A valid key is needed"):
            access.identify(bearer(text))


def test_what_became_of_a_key_is_told_to_its_holder_only(file: KeyFile, clock: ManualClock) -> None:
    token = make(file, "old", expires_at=NOW + timedelta(hours=1))
    gone = make(file, "gone")
    file.revoke(gone.id, now=NOW, by="me")
    access = keeper(file, clock)
    assert access.identify(bearer(token))
    clock.advance(hours=1)
    with pytest.raises(AccessDenied, match="'old' is expired"):
        access.identify(bearer(token))
    with pytest.raises(AccessDenied, match="'gone' is revoked"):
        access.identify(bearer(gone))
    with pytest.raises(AccessDenied, match="A valid key is needed"):
        access.identify(f"Bearer sut_{gone.id}_{token.secret}")


def test_doors_stay_closed_when_the_last_key_is_revoked(file: KeyFile, clock: ManualClock) -> None:
    file.revoke(make(file).id, now=NOW, by="me")
    assert keeper(file, clock).closed


def test_a_replaced_secret_is_good_until_the_overlap_ends(
    file: KeyFile, clock: ManualClock
) -> None:
    first = make(file)
    second = file.rotate("k", now=NOW, by="me", overlap_until=NOW + timedelta(hours=1))
    assert (first.id, first.secret != second.secret) == (second.id, True)
    access = keeper(file, clock)
    assert access.identify(bearer(first)) == access.identify(bearer(second))
    third = file.rotate("k", now=NOW, by="me", overlap_until=NOW + timedelta(hours=9))
    access.refresh()
    clock.advance(hours=1)
    # A later rotation does not lengthen what an earlier one had ended.
    with pytest.raises(AccessDenied, match="was replaced"):
        access.identify(bearer(first))
    assert access.identify(bearer(second))
    clock.advance(hours=8)
    with pytest.raises(AccessDenied):
        access.identify(bearer(second))
    assert access.identify(bearer(third))


def test_a_session_lasts_as_long_as_its_secret(file: KeyFile, clock: ManualClock) -> None:
    first = make(file)
    access = keeper(file, clock, api_key="s3cret")
    found = access.session_of(str(first))
    assert found is not None
    assert access.session_of("s3cret") is not None
    assert access.session_of("wrong") is None
    assert access.holder(found[0].id, found[1]) == found[0]
    file.rotate("k", now=NOW, by="me", overlap_until=NOW)
    access.refresh()
    assert access.holder(found[0].id, found[1]) is None
    assert access.holder(found[0].id, found[1] + 1) == found[0]
    file.revoke("k", now=NOW, by="me")
    access.refresh()
    assert access.holder(found[0].id, found[1] + 1) is None
    assert access.holder("nobody", 1) is None


def test_a_client_certificate_has_the_scopes_of_the_settings(
    file: KeyFile, clock: ManualClock
) -> None:
    access = keeper(file, clock, certificate_scopes=frozenset({Scope.INGEST}), api_key="k")
    assert access.closed
    assert access.admit("", Scope.INGEST).id == "certificate"
    with pytest.raises(NotPermitted):
        access.admit("", Scope.READ)
    assert access.admit("Bearer k", Scope.READ)
    # A wrong key is not made good by a certificate.
    with pytest.raises(AccessDenied):
        access.admit("Bearer wrong", Scope.INGEST)


# -- following the file ---------------------------------------------------------------------------


@pytest.fixture
def following(
    file: KeyFile, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Doorkeeper]:
    monkeypatch.setattr(module, "READ_SECONDS", 0.01)
    monkeypatch.setattr(module, "NOTE_SECONDS", 0.02)
    access = keeper(file, clock)
    access.start()
    yield access
    access.close()


def eventually(test: Any) -> None:
    deadline = time.monotonic() + 10
    while not test():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def admits(access: Doorkeeper, token: object) -> bool:
    try:
        return access.identify(bearer(token)) is not ANYBODY
    except AccessDenied:
        return False


def test_a_running_door_learns_of_keys_and_of_their_end(
    file: KeyFile, following: Doorkeeper
) -> None:
    token = make(file)
    eventually(lambda: admits(following, token))
    eventually(lambda: file.records()[0].last_used_at == NOW)
    file.revoke("k", now=NOW, by="me")
    eventually(lambda: not admits(following, token))
    file.path.unlink()
    eventually(lambda: not following.closed)


def test_keys_that_cannot_be_read_open_nothing_for_long(
    file: KeyFile, following: Doorkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make(file)
    eventually(lambda: admits(following, token))
    monkeypatch.setattr(module, "STALE_SECONDS", 0.2)
    file.path.write_bytes(b"broken" * 1000)
    assert admits(following, token)

    def refused() -> bool:
        try:
            following.identify(bearer(token))
        except Unavailable:
            return True
        return False

    eventually(refused)


def test_a_file_that_may_only_be_read_is_enough(
    file: KeyFile, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make(file)

    def read_only(self: KeyFile, uses: Any) -> None:
        raise Unavailable from sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(KeyFile, "note_uses", read_only)
    access = keeper(file, clock)
    access.start()
    assert access.identify(bearer(token))
    access.close()


def test_letting_somebody_in_costs_microseconds(file: KeyFile, clock: ManualClock) -> None:
    token = make(file)
    access = keeper(file, clock)
    shown = bearer(token)
    begun = time.perf_counter()
    for _ in range(2000):
        access.admit(shown, Scope.READ)
    assert (time.perf_counter() - begun) / 2000 < 500e-6


# -- rates ----------------------------------------------------------------------------------------


def test_a_rate_lets_so_many_in_and_says_when_to_come_back() -> None:
    meter = Meter(Rates(requests=10), 100.0)
    assert [meter.admit(100.0) for _ in range(10)] == [0.0] * 10
    assert meter.admit(100.0) == pytest.approx(0.1)
    assert meter.admit(100.05) == pytest.approx(0.05)
    assert meter.admit(100.11) == 0.0
    assert meter.admit(200.0) == 0.0


def test_a_large_body_is_taken_once_and_waited_for() -> None:
    meter = Meter(Rates(bytes=1000), 0.0)
    assert meter.admit(0.0) == 0.0
    meter.charge(5000)
    assert meter.admit(0.0) == pytest.approx(4.0)
    assert meter.admit(3.9) == pytest.approx(0.1)
    assert meter.admit(4.1) == 0.0


@given(
    st.floats(0.1, 1000),
    st.lists(st.floats(0, 0.5, allow_subnormal=False), min_size=1, max_size=200),
)
def test_over_any_stretch_no_more_than_the_rate_and_one_burst(
    rate: float, pauses: list[float]
) -> None:
    meter, now, admitted = Meter(Rates(requests=rate), 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        admitted += meter.admit(now) == 0.0
    assert admitted <= rate * now + max(rate, 1.0) + 1e-6


def test_rates_are_each_keys_own(file: KeyFile, clock: ManualClock) -> None:
    slow = make(file, "slow", rates=Rates(requests=1))
    free = make(file, "free")
    access = keeper(file, clock)
    assert access.admit(bearer(slow))
    with pytest.raises(RateLimited, match="'slow' is over its rate") as caught:
        access.admit(bearer(slow))
    assert 0 < caught.value.retry_after_seconds <= 1
    for _ in range(50):
        access.admit(bearer(free))
