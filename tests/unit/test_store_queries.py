"""The loader of named SQL blocks, and the blocks that are shipped."""

from importlib.resources import files
from pathlib import Path

import pytest

from suture.store import queries
from suture.store.queries import load, parse_blocks

FAMILIES = sorted(
    Path(entry.name).stem for entry in files(queries).iterdir() if entry.name.endswith(".sql")
)


def test_blocks_have_names_and_say_what_they_are_for() -> None:
    text = "-- name: one\n-- The first.\nSELECT 1;\n\n-- name: two\n-- The second.\nSELECT 2"
    assert parse_blocks("family.sql", text) == {
        "one": "-- The first.\nSELECT 1",
        "two": "-- The second.\nSELECT 2",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-- name: one\n-- x\nSELECT 1;\n-- name: one\n-- x\nSELECT 2;", "one stands twice"),
        ("-- name: one\nSELECT 1;", "one does not say what it is for"),
        ("-- name: one\n-- Only a remark.\n", "one holds no statement"),
        ("SELECT 0;\n-- name: one\n-- x\nSELECT 1;", "text before the first name"),
        ("SELECT 1;", "text before the first name"),
        ("-- name: one\n-- x\nSELECT 1; SELECT 2;", "one holds more than one statement"),
    ],
)
def test_a_malformed_file_is_explained(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"family.sql: .*{said}"):
        parse_blocks("family.sql", text)


def test_a_family_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        load("nonesuch")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_shipped_family_is_well_formed(family: str) -> None:
    assert load(family)
