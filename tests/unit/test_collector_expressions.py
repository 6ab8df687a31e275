"""Plain paths, which are walked, find what the library that wrote the standard finds."""

from typing import Any

import jmespath
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.expressions import Expression
from suture.errors import InvalidInput

NAMES = st.sampled_from(["a", "b", "data", "items", "ünï"])
CONTENT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(NAMES, min_size=1, max_size=4), CONTENT)
@example(["a", "items"], {"a": {}})
@example(["data", "a", "b"], {"data": {"a": [{"b": 1}]}})
def test_a_path_finds_what_the_library_finds(names: list[str], content: Any) -> None:
    text = ".".join(f'"{name}"' for name in names)
    assert Expression(text).search(content, "x") == jmespath.search(text, content)


def test_everything_else_is_left_to_the_library() -> None:
    content = {"data": {"lines": [{"po": "1"}, {"po": "2"}], "ok": True}}
    assert Expression("data.lines[].po").search(content, "x") == ["1", "2"]
    assert Expression("data.ok && 'ok' || 'failed'").search(content, "x") == "ok"
    with pytest.raises(InvalidInput, match=r"objects.po: 'length\(data.ok\)' does not apply"):
        Expression("length(data.ok)").search(content, "objects.po")
