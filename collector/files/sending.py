"""Sending a file's events through a running platform's door, as native CloudEvents in batches.

For when another process owns the store. Identities and content are those of a direct import, so the
two can be mixed and repeated.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec
import pyarrow as pa
import stamina

from collector.files.importer import FileResult, declared_scopes, declared_systems, of_reading
from collector.files.mapping import LogMapping
from collector.files.reading import EventLog, Progress
from collector.files.rows import BadRow, ReadReport
from suture.clock import Clock, rfc3339
from suture.definitions.catalog import Catalog
from suture.definitions.values import format_duration
from suture.errors import (
    AccessDenied,
    InputError,
    InstallationError,
    SutureError,
    TooLarge,
    Unavailable,
)

EVENTS_PER_REQUEST = 1000
PATIENCE_SECONDS = 300.0
"""How long one batch is tried again while the platform is busy or away."""

REQUEST_SECONDS = 60.0

_PATH = "/v1/milestones"
_HEADERS = {"content-type": "application/cloudevents-batch+json"}
_TEMPORARY = frozenset({429, 502, 503, 504})

Events = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SendResult(FileResult):
    """What sending a file came to; a door does not say which `accepted` events were known."""

    accepted: int


def send_file(
    door: "Door",
    path: Path,
    mapping: LogMapping,
    *,
    catalog: Catalog,
    clock: Clock,
    progress: Callable[[Progress], None] | None = None,
    on_bad: Callable[[BadRow], None] | None = None,
    on_taken: Callable[[int], None] | None = None,
) -> SendResult:
    """Send the events of a file through an open door; see `import_file` for what is raised.

    Events that it refuses count as bad; `on_taken` is told how many of each batch it accepted.
    Raises AccessDenied for a wrong key, Unavailable when the platform takes nothing for the door's
    patience; what was accepted by then stays, and sending the file again goes on from there.
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
    delivery = _Delivery(door, log.report, on_taken)
    for table in log.tables():
        for begin in range(0, table.num_rows, EVENTS_PER_REQUEST):
            delivery.deliver(_events(table.slice(begin, EVENTS_PER_REQUEST)))
    return SendResult(**of_reading(path, log.report, catalog), accepted=delivery.accepted)


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


class _Delivery:
    """Brings the events of one file through a door, until each is answered for good."""

    def __init__(
        self, door: "Door", report: ReadReport, on_taken: Callable[[int], None] | None
    ) -> None:
        self._door = door
        self._report = report
        self._on_taken = on_taken
        self.accepted = 0

    def deliver(self, events: Events) -> None:
        try:
            rejected = self._door.send(events)
        except TooLarge as error:
            if len(events) == 1:
                self._refuse([(str(events[0]["id"]), error.message)])
                return
            middle = len(events) // 2
            self.deliver(events[:middle])
            self.deliver(events[middle:])
            return
        taken = len(events) - len(rejected)
        self.accepted += taken
        if self._on_taken is not None:
            self._on_taken(taken)
        self._refuse(rejected)

    def _refuse(self, rejected: Sequence[tuple[str, str]]) -> None:
        self._report.refuse(BadRow(position=f"event {id_}", reason=why) for id_, why in rejected)


class Door:
    """The door of a running platform; close it when all is sent.

    A batch that it cannot take at the moment is sent again for `patience_seconds`, and `on_wait` is
    told why, once for each reason. A door that was never reached is not waited for: its address is
    more likely wrong than its platform about to start.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None,
        clock: Clock,
        trust: ssl.SSLContext | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        """Remember the address; raises InstallationError for one that is none.

        `trust` says whom to trust over TLS and what to show; by default the system's authorities.
        """
        self._url = _door_url(url)
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._on_wait = on_wait
        self._reached = False
        self._told: set[str] = set()
        self._client = httpx2.Client(
            headers={"authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=REQUEST_SECONDS,
            trust_env=False,
            verify=trust or True,
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def send(self, events: Events) -> list[tuple[str, str]]:
        """Send one batch; (id, reason) of the events that are refused. See `send_file`."""
        body = msgspec.json.encode(events)
        for attempt in stamina.retry_context(
            on=self._pause, attempts=None, timeout=self._patience_seconds
        ):
            with attempt:
                return self._attempt(body)
        raise Unavailable(f"{self._url} does not answer")

    def _pause(self, error: Exception) -> float | bool:
        """Seconds until another attempt, where one makes sense."""
        if not isinstance(error, Unavailable) or not self._reached:
            return False
        if self._on_wait is not None and error.message not in self._told:
            self._told.add(error.message)
            patience = format_duration(timedelta(seconds=self._patience_seconds))
            self._on_wait(f"{error.message}; trying again for up to {patience}, Ctrl-C to stop")
        return error.retry_after_seconds

    def _attempt(self, body: bytes) -> list[tuple[str, str]]:
        try:
            response = self._client.post(self._url, content=body, headers=_HEADERS)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise self._silent(error) from error
        except httpx2.TransportError as error:
            self._reached = True
            raise self._silent(error) from error
        self._reached = True
        if response.status_code == 202:
            return []
        answer = _json_object(response)
        if response.status_code in (207, 400) and isinstance(answer.get("rejected"), list):
            return [(str(r.get("id", "")), str(r.get("reason", ""))) for r in answer["rejected"]]
        raise self._error(response, str(answer.get("detail") or answer.get("title") or ""))

    def _silent(self, error: Exception) -> Unavailable:
        return Unavailable(f"{self._url} does not answer ({_reason(error)})")

    def _error(self, response: httpx2.Response, detail: str) -> SutureError:
        message = f"{self._url} answers {response.status_code}: {detail or response.reason_phrase}"
        if response.status_code in _TEMPORARY:
            header = response.headers.get("retry-after", "")
            wait = _retry_after_seconds(header, now=self._clock.now())
            return Unavailable(message, retry_after_seconds=wait)
        if response.status_code in (401, 403):
            return AccessDenied(message)
        return TooLarge(message) if response.status_code == 413 else InputError(message)


def _reason(error: BaseException) -> str:
    """Why there was no answer, as the system says it where it does."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.strerror:
            return found.strerror[:1].lower() + found.strerror[1:]
        found = found.__cause__ or found.__context__
    return str(error) or type(error).__name__


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
