import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.bodies import (
    MAX_JSON_VALUES,
    BodyLimit,
    decompress,
    require_countable,
    require_encoding,
)
from suture.errors import MalformedInput, TooLarge, UnsupportedMedia


@given(st.binary(max_size=5000))
def test_a_gzip_body_comes_back_whole(content: bytes) -> None:
    assert decompress(gzip.compress(content), max_bytes=5000) == content


@given(st.lists(st.binary(max_size=500), min_size=1, max_size=4))
def test_several_members_are_one_body(parts: list[bytes]) -> None:
    body = b"".join(gzip.compress(part) for part in parts)
    assert decompress(body, max_bytes=2000) == b"".join(parts)


def test_a_body_exactly_at_the_limit_is_taken() -> None:
    assert len(decompress(gzip.compress(bytes(1000)), max_bytes=1000)) == 1000


@pytest.mark.parametrize("members", [1, 3])
def test_a_bomb_is_stopped_at_the_limit(members: int) -> None:
    bomb = gzip.compress(bytes(400_000)) * members
    with pytest.raises(TooLarge, match="over 399999 bytes"):
        decompress(bomb, max_bytes=399_999)


def test_truncated_gzip_is_malformed() -> None:
    with pytest.raises(MalformedInput, match="breaks off"):
        decompress(gzip.compress(b"hello hello hello")[:-9], max_bytes=100)


def test_what_is_not_gzip_is_malformed() -> None:
    with pytest.raises(MalformedInput, match="not gzip"):
        decompress(b"plain", max_bytes=100)


def test_a_declared_length_over_the_limit_is_refused_at_once() -> None:
    with pytest.raises(TooLarge):
        BodyLimit({"content-length": "11"}, max_bytes=10)


def test_an_undeclared_length_is_counted() -> None:
    limit = BodyLimit({}, max_bytes=10)
    limit.add(b"12345")
    limit.add(b"67890")
    with pytest.raises(TooLarge):
        limit.add(b"1")


@pytest.mark.parametrize(("header", "expected"), [("", ""), ("identity", ""), ("GZIP", "gzip")])
def test_encodings(header: str, expected: str) -> None:
    assert require_encoding({"content-encoding": header}) == expected


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(UnsupportedMedia, match="'br'"):
        require_encoding({"content-encoding": "br"})


@pytest.mark.parametrize("one", [b"[],", b"1,", b"{},", b'{"a":1},'])
def test_very_many_values_are_too_many_to_be_read(one: bytes) -> None:
    many = b"[" + one * (MAX_JSON_VALUES // 2 - 1) + b"0]"
    require_countable(many)
    with pytest.raises(TooLarge):
        require_countable(many * 3)
