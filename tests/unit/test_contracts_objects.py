"""The one text that identifies an object across tables."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from suture.contracts.objects import ObjectKey, quote_part, unquote_part

_text = st.text(st.one_of(st.sampled_from("|%7C25 "), st.characters()), max_size=12)
_keys = st.builds(ObjectKey, environment=_text, type=_text, scope=_text, id=_text)


@given(_keys)
@example(ObjectKey(environment="%7C", type="|", scope="%25|%", id="a|b%7C|"))
def test_a_key_survives_its_text(key: ObjectKey) -> None:
    assert ObjectKey.decode(key.encode()) == key


@given(_keys, _keys)
def test_two_keys_have_two_texts(one: ObjectKey, other: ObjectKey) -> None:
    assert (one.encode() == other.encode()) == (one == other)


@given(_text)
def test_a_quoted_part_holds_no_separator(part: str) -> None:
    assert "|" not in quote_part(part)
    assert unquote_part(quote_part(part)) == part


def test_the_id_stands_last_and_verbatim() -> None:
    key = ObjectKey(environment="production", type="order", scope="west|1", id="P|77%")
    assert key.encode() == "production|order|west%7C1|P|77%"


@pytest.mark.parametrize("text", ["", "order", "production|order|x"])
def test_a_text_that_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="not an object key"):
        ObjectKey.decode(text)
