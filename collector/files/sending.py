"""Sending a file's events through a running platform's door, as native CloudEvents in batches.

For when another process owns the store. Identities and content are those of a direct import, so the
two can be mixed and repeated.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec
import pyarrow as pa
import stamina

from collector.files.importer import ImportResult, declared_scopes, declared_systems, summarize
from collector.files.mapping import LogMapping
from collector.files.reading import EventLog, Progress
from collector.files.rows import BadRow, ReadReport
from suture.clock import Clock, rfc3339
from suture.definitions.catalog import Catalog
from suture.errors import (
    AccessDenied,
    InputError,
    InstallationError,
    SutureError,
    TooLarge,
    Unavailable,
)
from suture.store.imports import Stored

EVENTS_PER_REQUEST = 1000
PATIENCE_SECONDS = 300.0
"""How long one batch is tried again while the platform is busy or away."""

REQUEST_SECONDS = 60.0

_PATH = "/v1/milestones"
_HEADERS = {"content-type": "application/cloudevents-batch+json"}
_TEMPORARY = frozenset({429, 502, 503, 504})

Events = list[dict[str, Any]]


def send_file(
    url: str,
    path: Path,
    mapping: LogMapping,
    *,
    api_key: str | None,
    trust: ssl.SSLContext | None = None,
    catalog: Catalog,
    clock: Clock,
    progress: Callable[[Progress], None] | None = None,
    on_bad: Callable[[BadRow], None] | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> ImportResult:
    """Send the events of a file to the platform at `url`; see `import_file` for what is raised.

    `trust` says whom to trust over TLS and what to show; by default the system's authorities.
    Of the result, `imported` are the events that were accepted, whether or not they were known: a
    door does not say. Events that it refuses count as bad. Raises AccessDenied for a wrong key,
    Unavailable when the platform takes nothing for `patience_seconds`; what was accepted by then
    stays, and sending the file again goes on from there.
    """
    log = EventLog(
        path,
        mapping,
        now=clock.now(),
        systems=declared_systems(catalog),
        scopes=declared_scopes(catalog),
        progress=progress,
        on_bad=on_bad,
    )
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    with httpx2.Client(
        headers=headers, timeout=REQUEST_SECONDS, trust_env=False, verify=trust or True
    ) as client:
        door = _Door(client, _door_url(url), clock, log.report, patience_seconds)
        for table in log.tables():
            for begin in range(0, table.num_rows, EVENTS_PER_REQUEST):
                door.deliver(_events(table.slice(begin, EVENTS_PER_REQUEST)))
    sums = Stored(events=door.accepted, versions=0, known=0)
    return summarize(path, log.report, catalog, sums)


def _door_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InstallationError(f"{url!r} is not an address such as http://host:4318")
    bare = url.rstrip("/")
    return bare if bare.endswith(_PATH) else bare + _PATH


def _events(table: pa.Table) -> Events:
    """Rows of milestones as native events."""
    return [
        {
            "specversion": "1.0",
            "type": "suture.milestone",
            "source": row["source"],
            "id": row["id"],
            "time": rfc3339(row["occurred_at"]),
            "data": {
                "milestone": row["milestone"],
                "objects": [
                    {"type": type_, "id": id_}
                    for type_, id_ in zip(row["object_types"], row["object_ids"], strict=True)
                ],
                "attributes": dict(row["attributes"]),
                "outcome": row["outcome"],
                "reason": row["reason"],
                "environment": row["environment"],
                "sequence": row["sequence"],
            }
            | ({"system": row["system"]} if row["system"] else {}),
        }
        for row in table.to_pylist()
    ]


class _Door:
    """The other side: delivers batches, one at a time, until each is answered for good."""

    def __init__(
        self,
        client: httpx2.Client,
        url: str,
        clock: Clock,
        report: ReadReport,
        patience_seconds: float,
    ) -> None:
        self._client = client
        self._url = url
        self._clock = clock
        self._report = report
        self._patience_seconds = patience_seconds
        self.accepted = 0

    def deliver(self, events: Events) -> None:
        try:
            rejected = self._send(events)
        except TooLarge as error:
            if len(events) == 1:
                self._refuse([(str(events[0]["id"]), error.message)])
                return
            middle = len(events) // 2
            self.deliver(events[:middle])
            self.deliver(events[middle:])
            return
        self.accepted += len(events) - len(rejected)
        self._refuse(rejected)

    def _refuse(self, rejected: Sequence[tuple[str, str]]) -> None:
        self._report.refuse(BadRow(position=f"event {id_}", reason=why) for id_, why in rejected)

    def _send(self, events: Events) -> list[tuple[str, str]]:
        """(id, reason) of the events that are refused."""
        body = msgspec.json.encode(events)
        for attempt in stamina.retry_context(
            on=_pause, attempts=None, timeout=self._patience_seconds
        ):
            with attempt:
                return self._attempt(body)
        raise Unavailable(f"{self._url} does not answer")

    def _attempt(self, body: bytes) -> list[tuple[str, str]]:
        try:
            response = self._client.post(self._url, content=body, headers=_HEADERS)
        except httpx2.TransportError as error:
            raise Unavailable(f"{self._url} does not answer: {error}") from error
        if response.status_code == 202:
            return []
        answer = _json_object(response)
        if response.status_code in (207, 400) and isinstance(answer.get("rejected"), list):
            return [(str(r.get("id", "")), str(r.get("reason", ""))) for r in answer["rejected"]]
        raise self._error(response, str(answer.get("detail") or answer.get("title") or ""))

    def _error(self, response: httpx2.Response, detail: str) -> SutureError:
        message = f"{self._url} answers {response.status_code}: {detail or response.reason_phrase}"
        if response.status_code in _TEMPORARY:
            header = response.headers.get("retry-after", "")
            wait = _retry_after_seconds(header, now=self._clock.now())
            return Unavailable(message, retry_after_seconds=wait)
        if response.status_code in (401, 403):
            return AccessDenied(message)
        return TooLarge(message) if response.status_code == 413 else InputError(message)


def _pause(error: Exception) -> float | bool:
    """Seconds until another attempt, where one makes sense."""
    return error.retry_after_seconds if isinstance(error, Unavailable) else False


def _retry_after_seconds(header: str, *, now: datetime) -> float:
    """What a Retry-After header asks for, in seconds or as a date; one second without it."""
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - now).total_seconds())
    except (TypeError, ValueError):
        return 1.0


def _json_object(response: httpx2.Response) -> Mapping[str, Any]:
    try:
        content = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return {}
    return content if isinstance(content, dict) else {}
