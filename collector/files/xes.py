"""XES: the XML format of event logs (IEEE 1849), read with constant memory, trace by trace.

Columns are the keys of event attributes, and `case:<key>` for those of the trace. A list becomes a
JSON list of its values. What stands inside an attribute (members of a container, attributes of an
attribute) is a column of its own, `outer/inner`. Events outside any trace have no `case:` column.

Expat is driven directly: ElementTree's iterparse needs nearly twice as long. Document type
declarations are refused, since no XES file needs one and entities are a way to attack a reader.
"""

import json
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from collector.files.logfile import LogFile
from collector.files.rows import CHUNK_BYTES, CHUNK_ROWS, Rows
from suture.errors import InvalidInput, MalformedInput

CASE_PREFIX = "case:"
DEEPEST = 64
"""Attributes inside attributes; a file beyond this is an attack."""

Attributes = dict[str, str | None]


class _Node:
    """An attribute that has others inside."""

    __slots__ = ("children", "key", "tag", "value")

    def __init__(self, tag: str, key: str, value: str | None) -> None:
        self.tag, self.key, self.value = tag, key, value
        self.children: list[_Node] = []

    def content(self) -> Any:
        """Its value for a JSON list: text, a list, or an object of its members."""
        if self.tag == "list":
            return [child.content() for child in self._elements()]
        if self.tag == "container":
            return {child.key: child.content() for child in self.children}
        return self.value

    def flattened(self, column: str) -> Iterator[tuple[str, str | None]]:
        """(column, value) of it and of what stands inside it."""
        if self.tag == "list":
            yield column, json.dumps(self.content(), ensure_ascii=False)
            return
        yield column, self.value
        for child in self.children:
            yield from child.flattened(f"{column}/{child.key}")

    def _elements(self) -> list["_Node"]:
        # The standard puts elements into <values>; older writers put them directly inside.
        inner = [child for node in self.children if node.tag == "values" for child in node.children]
        return inner or [child for child in self.children if child.tag != "values"]


class XesReader:
    """One pass over an XES file.

    `keys` are the columns met so far; `traces` counts complete traces, which alone are given.
    """

    def __init__(self, file: LogFile, *, wanted: frozenset[str]) -> None:
        """Read `file`, keeping only the columns in `wanted`."""
        self.file = file
        self.wanted = wanted
        self.keys: set[str] = set()
        self.traces = 0
        self._done: list[tuple[Attributes, list[Attributes], list[int]]] = []
        self._waiting = 0

    def rows(self) -> Iterator[Rows]:
        """The events of complete traces, in the file's order.

        Where the file breaks off, what came before is given and `file.damage` says where. Raises
        MalformedInput if that is nothing at all, InvalidInput for XML that is no XES.
        """
        parser = expat.ParserCreate()
        parser.buffer_text = True
        _Handlers(self, parser).attach()
        weight = 0
        try:
            for piece in self.file.pieces():
                parser.Parse(piece)
                weight += len(piece)
                if self._waiting >= CHUNK_ROWS or weight >= CHUNK_BYTES:
                    weight = 0
                    yield self._take()
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            self._broken(f"line {error.lineno} ({expat.errors.messages[error.code]})")
        if self.file.damage:
            if not self.traces:
                raise MalformedInput(f"{self.file.path}: {self.file.damage}; no trace is complete")
            self.file.damage += f"; the {self.traces} complete traces before that were read"
        if self._done:
            yield self._take()

    def find_keys(self, wanted: frozenset[str]) -> set[str]:
        """The columns of the file, as far as it takes to have met all that are wanted.

        An XES file has no header: that a key never occurs is known only at its end. Mostly the
        first trace has them all. A log without any attribute lacks nothing.
        """
        parser = expat.ParserCreate()
        _Handlers(self, parser).attach()
        try:
            for piece in self.file.pieces():
                parser.Parse(piece)
                self._done.clear()
                if wanted <= self.keys:
                    break
        except expat.ExpatError:
            pass  # Whoever reads the rows says where the file breaks off.
        return self.keys or set(wanted)

    def add_trace(self, trace: Attributes, events: list[Attributes], lines: list[int]) -> None:
        """Take over a finished trace, or an event that stands alone."""
        self._done.append((trace, events, lines))
        self._waiting += len(events)

    def _broken(self, reason: str) -> None:
        if self.file.damage:
            reason = f"{self.file.damage}, after {reason}"
        self.file.damage = f"the XML breaks off at {reason}"

    def _take(self) -> Rows:
        columns: dict[str, list[str | None]] = {}
        for column in sorted(self.wanted):
            if column.startswith(CASE_PREFIX):
                cells: list[str | None] = []
                for trace, events, _ in self._done:
                    cells += [trace.get(column) or None] * len(events)
            else:
                cells = [e.get(column) or None for _, events, _ in self._done for e in events]
            columns[column] = cells
        positions = [f"line {line}" for _, _, lines in self._done for line in lines]
        self._done, self._waiting = [], 0
        return Rows(columns=columns, positions=positions)


class _Handlers:
    """What expat calls. Depth 1 is <log>, 2 a trace, 3 an event; attributes stand one deeper."""

    def __init__(self, reader: XesReader, parser: expat.XMLParserType) -> None:
        self._reader = reader
        self._parser = parser
        self._wanted = reader.wanted
        self._keys = reader.keys
        self._prefix = ""
        self._event_tag = "event"
        self._depth = 0
        self._attribute_depth = 0
        self._in_trace = False
        self._in_event = False
        self._trace: Attributes = {}
        self._target: Attributes = {}
        self._events: list[Attributes] = []
        self._lines: list[int] = []
        self._last: tuple[str, dict[str, str]] = ("", {})
        self._nodes: list[_Node] = []

    def attach(self) -> None:
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth = depth = self._depth + 1
        if self._in_event and depth == self._attribute_depth:
            # Nearly all of a file comes through here.
            self._last = (tag, attributes)
            key = attributes.get("key", "")
            self._keys.add(key)
            if key in self._wanted:
                self._target[key] = attributes.get("value")
        elif not self._attribute_depth or depth < self._attribute_depth:
            self._open(tag)
        elif depth > self._attribute_depth:
            self._nest(tag, attributes)
        elif tag == self._event_tag:
            self._begin_event()
        else:
            self._last = (tag, attributes)
            key = attributes.get("key", "")
            self._store(CASE_PREFIX + key, attributes.get("value"))

    def _store(self, column: str, value: str | None) -> None:
        self._keys.add(column)
        if column in self._wanted:
            self._target[column] = value

    def _open(self, tag: str) -> None:
        if self._depth == 1:
            prefix, _, name = tag.rpartition(":")
            if name != "log":
                raise InvalidInput(f"{self._reader.file.path}: not XES: it begins with <{tag}>")
            self._prefix = f"{prefix}:" if prefix else ""
            self._event_tag = f"{self._prefix}event"
        elif self._depth == 2 and tag == f"{self._prefix}trace":
            self._in_trace = True
            self._attribute_depth = 3
            self._trace = self._target = {}
        elif self._depth == 2 and tag == self._event_tag:
            self._begin_event()

    def _begin_event(self) -> None:
        self._in_event = True
        self._attribute_depth = self._depth + 1
        self._target = {}
        self._events.append(self._target)
        self._lines.append(self._parser.CurrentLineNumber)

    def _nest(self, tag: str, attributes: dict[str, str]) -> None:
        if self._depth - self._attribute_depth > DEEPEST:
            raise MalformedInput(f"{self._reader.file.path}: attributes are nested too deeply")
        if not self._nodes:
            self._nodes = [self._node(*self._last)]
        node = self._node(tag, attributes)
        self._nodes[-1].children.append(node)
        self._nodes.append(node)

    def _node(self, tag: str, attributes: dict[str, str]) -> "_Node":
        name = tag.removeprefix(self._prefix)
        return _Node(name, attributes.get("key", ""), attributes.get("value"))

    def _end(self, _tag: str) -> None:
        depth = self._depth
        self._depth = depth - 1
        if depth == self._attribute_depth - 1:
            self._close()
        elif self._nodes:
            node = self._nodes.pop()
            if not self._nodes:
                prefix = "" if self._in_event else CASE_PREFIX
                for column, value in node.flattened(prefix + node.key):
                    self._store(column, value)

    def _close(self) -> None:
        """The end of an event or a trace."""
        if self._in_event:
            self._in_event = False
            self._target = self._trace
            self._attribute_depth = 3 if self._in_trace else 0
        else:
            self._in_trace = False
            self._attribute_depth = 0
            self._reader.traces += 1
        if not self._in_trace:
            self._reader.add_trace(self._trace, self._events, self._lines)
            self._trace, self._events, self._lines = {}, [], []

    def _refuse_doctype(self, *_: Any) -> None:
        raise MalformedInput(
            f"{self._reader.file.path}: declares a document type, which no XES file needs"
        )
