"""Durations and shares, as people write them and as sentences show them."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.definitions.values import format_duration, parse_duration, parse_share


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("90s", 90),
        ("30m", 1_800),
        ("16h", 57_600),
        ("2d", 172_800),
        ("1.5h", 5_400),
        ("1d 4h", 100_800),
        ("1d4h", 100_800),
        ("1 d 4 h", 100_800),
        (" 2 d ", 172_800),
        (timedelta(seconds=7), 7),
    ],
)
def test_durations(text: Any, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "16",
        "h",
        "16 hours",
        "-1h",
        "1h-",
        "1h,2m",
        "1.h",
        "1w",
        "١h2",
        16,
        1.5,
        None,
        True,
        [],
    ],
)
def test_what_is_no_duration(text: Any) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 30m, 16h or 2d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0d 0h", "0.0000001s"])
def test_a_duration_of_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="is not longer than nothing"):
        parse_duration(text)


def test_a_duration_beyond_counting() -> None:
    with pytest.raises(ValueError, match="is longer than can be counted"):
        parse_duration("9999999999999d")


@given(st.integers(1, 10_000), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"{days}d {hours}h {minutes}m {seconds}s"
    assert parse_duration(text) == timedelta(
        days=days, hours=hours, minutes=minutes, seconds=seconds
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0.4 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (720, "12 min"),
        (3_600, "1 h"),
        (3_601, "1 h"),
        (86_399.6, "1 d"),
        (100_800, "1 d 4 h"),
        (-90, "-1 min 30 s"),
        (999 * 86_400 + 3_600, "999 d 1 h"),
        (2_873 * 86_400, "2,873 d"),
        (-1_204 * 86_400 - 7_200, "-1,204 d 2 h"),
    ],
)
def test_a_duration_in_a_sentence(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@given(st.integers(60, 10**9))
def test_a_sentence_is_never_off_by_a_whole_unit(seconds: int) -> None:
    units = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
    words = format_duration(timedelta(seconds=seconds)).replace(",", "").split()
    shown = sum(
        int(count) * units[unit] for count, unit in zip(words[::2], words[1::2], strict=True)
    )
    assert len(words) in (2, 4)
    assert 0 <= seconds - shown < units[words[1]]


@pytest.mark.parametrize(
    ("value", "share"), [("95%", 0.95), (" 99.5 % ", 0.995), ("100%", 1.0), (0.95, 0.95), (1, 1.0)]
)
def test_shares(value: Any, share: float) -> None:
    assert parse_share(value) == pytest.approx(share)


@pytest.mark.parametrize("value", ["95", "often", "x%", "%", None, True, []])
def test_what_is_no_share(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a share such as 95%"):
        parse_share(value)


@pytest.mark.parametrize("value", ["0%", "101%", "-5%", 0, 1.01, "nan%", float("inf")])
def test_a_share_out_of_bounds(value: Any) -> None:
    with pytest.raises(ValueError, match="is not between 0% and 100%"):
        parse_share(value)
