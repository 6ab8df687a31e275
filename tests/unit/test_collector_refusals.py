from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.refusals import PREVIEW_CHARACTERS, REASON_CHARACTERS, Refusal, make_refusal, preview

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def refusal(payload: bytes = b"x", **change: Any) -> Refusal:
    fields: dict[str, Any] = {
        "reason": "r",
        "received_at": NOW,
        "door": "milestones",
        "content_type": "text/plain",
        **change,
    }
    return make_refusal(payload, **fields)


@given(st.binary(max_size=9000))
def test_a_preview_is_short_printable_text_whatever_was_sent(payload: bytes) -> None:
    text = preview(payload)
    assert len(text) <= PREVIEW_CHARACTERS
    assert text.isprintable()
    text.encode()


@pytest.mark.parametrize(
    "change",
    [{"door": "traces"}, {"source": "/s"}, {"event_id": "1"}, {"type_": "t"}],
)
def test_what_and_where_make_the_id(change: dict[str, Any]) -> None:
    assert refusal().letter.id != refusal(**change).letter.id
    assert refusal(b"x").letter.id != refusal(b"y").letter.id
    assert refusal().letter.id == refusal(owner="o", environment="e", reason="other").letter.id


def test_adjacent_fields_do_not_run_together() -> None:
    assert (
        refusal(source="ab", event_id="c").letter.id != refusal(source="a", event_id="bc").letter.id
    )


def test_reasons_and_names_are_bounded() -> None:
    letter = refusal(reason="r" * 9000, source="s" * 9000).letter
    assert len(letter.reason) == len(letter.source) == REASON_CHARACTERS


@given(st.binary(max_size=200), st.text(max_size=20))
def test_a_letter_survives_its_encoding(payload: bytes, source: str) -> None:
    letter = refusal(payload, source=source).letter
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(letter), type=type(letter)) == letter
