"""What stands behind the double's door: a request read from HTTP, run on the embedded engine."""

import gzip
import itertools
import json
import re
import tempfile
import threading
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb
import lz4.frame

from suture.store.embedded import with_schema_file

TRANSPORT_PARAMETERS = frozenset(
    {
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "user",
        "wait_end_of_query",
    }
)
"""What the HTTP layer of a server consumes itself; every other parameter is an engine setting."""

_DATA_INSERT = re.compile(
    rb"^\s*(INSERT\s+INTO\s+[^;]*?)\s*(?:\bSETTINGS\b(.*?))?\s*\bFORMAT\s+(\w+)[ \t]*(?:\r?\n|$)",
    re.IGNORECASE | re.DOTALL,
)
_COMPUTED_INSERT = re.compile(rb"\b(SELECT|WITH|VALUES)\b", re.IGNORECASE)
_TRAILING_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_FORM_NAME = re.compile(rb'name="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the engine sees it."""

    statement: bytes
    database: str | None
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    files: Mapping[str, bytes]
    transport: Mapping[str, str]
    query_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A result: its format where the statement has one, and what goes into the summary header."""

    body: bytes = b""
    format: str | None = None
    summary: Mapping[str, str] = field(default_factory=dict)


class Engine:
    """The embedded engine; a handle keeps its database and settings, so requests share by those."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: dict[tuple[object, ...], list[Any]] = {}
        self._keep_alive = chdb.connect(str(self.path))

    @contextmanager
    def handle(self, database: str | None, settings: Mapping[str, str]) -> Iterator[Any]:
        key = (database, *sorted(settings.items()))
        with self._lock:
            idle = self._idle.setdefault(key, [])
            handle = idle.pop() if idle else None
        handle = handle or self._connect(database, settings)
        keep = False
        try:
            yield handle
            # What a query gave before it failed would begin the next answer of its handle.
            keep = sum(map(len, self._idle.values())) < 32
        finally:
            if keep:
                with self._lock:
                    idle.append(handle)
            else:
                handle.close()

    def close(self) -> None:
        for handle in itertools.chain(*self._idle.values(), [self._keep_alive]):
            handle.close()

    def _connect(self, database: str | None, settings: Mapping[str, str]) -> Any:
        handle = chdb.connect(str(self.path))
        try:
            if database:
                handle.query(f"USE `{database}`")
            for name, value in settings.items():
                handle.query(f"SET {name} = {quoted(value)}")
        except BaseException:
            handle.close()
            raise
        return handle


def execute(engine: Engine, request: Request) -> Answer:
    """Run one request; raises what the engine raises."""
    insert = _DATA_INSERT.match(request.statement)
    if insert and not _COMPUTED_INSERT.search(insert[1]):
        return _insert_data(engine, request, insert)
    if insert and b"input(" in request.statement:
        raise RuntimeError("Code: 48. DB::Exception: the double has no input() (NOT_IMPLEMENTED)")
    settings = {k: v for k, v in request.settings.items() if k != "insert_deduplication_token"}
    with engine.handle(request.database, settings) as handle, _external_tables(handle, request):
        return _run(handle, request.statement.decode(), request.parameters)


def _insert_data(engine: Engine, request: Request, insert: re.Match[bytes]) -> Answer:
    # Settings of an insert differ each time (its token), so they ride in its clause.
    given = with_schema_file(engine.path, request.settings)
    settings = [f"{name} = {quoted(value)}" for name, value in given.items()]
    settings += [insert[2].decode().strip()] if insert[2] else []
    clause = f" SETTINGS {', '.join(settings)}" if settings else ""
    with data_file(request.statement[insert.end() :]) as file:
        source = f"{insert[1].decode()} FROM INFILE {quoted(file)}"
        with engine.handle(request.database, {}) as handle:
            done = handle.query(f"{source}{clause} FORMAT {insert[3].decode()}", "TabSeparated")
    return Answer(summary={"written_rows": str(done.rows_read()), **_timing(done)})


def _run(handle: Any, sql: str, parameters: Mapping[str, str]) -> Answer:
    wanted = _TRAILING_FORMAT.search(sql)
    # With names, a result without rows still shows that the statement has a result.
    format_ = "TabSeparated" if wanted else "TabSeparatedWithNames"
    done = handle.query(sql, format_, params=dict(parameters))
    body = done.bytes() or b""
    summary = {"read_rows": str(done.rows_read()), **_timing(done)}
    if wanted is None:
        names, found, rest = body.partition(b"\n")
        shown = "TabSeparated" if names or found else None
        return Answer(body=rest, format=shown, summary=summary)
    if wanted[1] == "Native" and not body:
        body = _empty_native(handle, sql[: wanted.start()], parameters)
    return Answer(body=body, format=wanted[1], summary=summary)


def _empty_native(handle: Any, sql: str, parameters: Mapping[str, str]) -> bytes:
    """The block of column names that a server sends, and the embedded engine does not."""
    done = handle.query(f"{sql} FORMAT JSONCompact", "JSONCompact", params=dict(parameters))
    columns = json.loads(done.bytes() or b'{"meta": []}')["meta"]
    described = (native_text(c["name"]) + native_text(c["type"]) for c in columns)
    return varint(len(columns)) + varint(0) + b"".join(described) if columns else b""


@contextmanager
def _external_tables(handle: Any, request: Request) -> Iterator[None]:
    for name, content in request.files.items():
        structure = request.transport[f"{name}_structure"]
        format_ = request.transport.get(f"{name}_format", "TabSeparated")
        handle.query(f"CREATE TEMPORARY TABLE {name} ({structure}) ENGINE = Memory")
        with data_file(content) as file:
            handle.query(f"INSERT INTO {name} FROM INFILE {quoted(file)} FORMAT {format_}")
    try:
        yield
    finally:
        for name in request.files:
            handle.query(f"DROP TEMPORARY TABLE {name}")


@contextmanager
def data_file(content: bytes) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(suffix=".in") as file:
        file.write(content)
        file.flush()
        yield file.name


def _timing(done: Any) -> dict[str, str]:
    return {"elapsed_ns": str(int(done.elapsed() * 1e9))}


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def native_text(text: str) -> bytes:
    encoded = text.encode()
    return varint(len(encoded)) + encoded


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_request(path: str, content_type: str, body: bytes) -> Request:
    """A request from its address and body; raises nothing the engine would not."""
    given = dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))
    files: dict[str, bytes] = {}
    if content_type.startswith("multipart/form-data"):
        for name, is_file, content in form_parts(content_type, body):
            if is_file:
                files[name] = content
            else:
                given[name] = content.decode()
        body = b""
    statement = given.get("query", "").encode()
    transport = {
        name: value
        for name, value in given.items()
        if name in TRANSPORT_PARAMETERS
        or name.removesuffix("_format") in files
        or name.removesuffix("_structure") in files
        or name.removesuffix("_types") in files
    }
    return Request(
        statement=b"\n".join(piece for piece in (statement, body) if piece),
        database=given.get("database"),
        settings={
            name: value
            for name, value in given.items()
            if name not in transport and not name.startswith("param_")
        },
        parameters={k[6:]: v for k, v in given.items() if k.startswith("param_")},
        files=files,
        transport=transport,
        query_id=given.get("query_id") or str(uuid.uuid4()),
    )


def form_parts(content_type: str, body: bytes) -> Iterator[tuple[str, bool, bytes]]:
    """(name, whether it is a file, content) of the parts of a multipart form."""
    boundary = b"--" + content_type.split("boundary=")[1].strip('"').encode()
    for part in body.split(boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _FORM_NAME.search(head)
        if name:
            yield name[1].decode(), b"filename=" in head, content.removesuffix(b"\r\n")


def decompressed(data: bytes, encoding: str) -> bytes:
    match encoding:
        case "gzip":
            return gzip.decompress(data)
        case "deflate":
            return zlib.decompress(data)
        case "lz4":
            return bytes(lz4.frame.decompress(data))
    return data
