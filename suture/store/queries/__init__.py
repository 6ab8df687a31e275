"""Named SQL blocks.

A file holds blocks that each begin with `-- name: <name>` and a line that says what for:

    -- name: finished_segments
    -- Segments that are loaded and that a stage has not read yet.
    SELECT …

`load("correlation")["finished_segments"]` is the text of one.
"""

import re
from functools import cache
from importlib.resources import files

_HEAD = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def load(family: str) -> dict[str, str]:
    """The blocks of `queries/<family>.sql` by name; raises ValueError for a malformed file."""
    text = (files(__package__) / f"{family}.sql").read_text(encoding="utf-8")
    pieces = _HEAD.split(text)
    names, bodies = pieces[1::2], pieces[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{family}.sql: a block name stands twice")
    blocks = {}
    for name, body in zip(names, bodies, strict=True):
        if not body.lstrip().startswith("--"):
            raise ValueError(f"{family}.sql: block {name} does not say what it is for")
        blocks[name] = body.strip().rstrip(";")
    return blocks
