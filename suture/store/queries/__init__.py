"""Named SQL blocks.

A file holds blocks that each begin with `-- name: <name>` and a line that says what for:

    -- name: read_streams
    -- How far a stage has read each stream of segments.
    SELECT …

`load("segments")["read_streams"]` is the text of one, without a final semicolon.
"""

import re
from functools import cache
from importlib.resources import files

from suture.store.schema import split_statements

_HEAD = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def load(family: str) -> dict[str, str]:
    """The blocks of `queries/<family>.sql` by name; raises ValueError for a malformed file."""
    name = f"{family}.sql"
    return parse_blocks(name, (files(__package__) / name).read_text(encoding="utf-8"))


def parse_blocks(file: str, text: str) -> dict[str, str]:
    """The blocks of one file by name; raises ValueError that names file and block."""
    preamble, *pieces = _HEAD.split(text)
    if list(split_statements(preamble)) or not pieces:
        raise ValueError(f"{file}: text before the first name of a block")
    blocks: dict[str, str] = {}
    for name, body in zip(pieces[::2], pieces[1::2], strict=True):
        if name in blocks:
            raise ValueError(f"{file}: the name {name} stands twice")
        if not body.lstrip().startswith("--"):
            raise ValueError(f"{file}: block {name} does not say what it is for")
        count = len(list(split_statements(body)))
        if count != 1:
            amount = "more than one" if count else "no"
            raise ValueError(f"{file}: block {name} holds {amount} statement")
        blocks[name] = body.strip().rstrip(";")
    return blocks
