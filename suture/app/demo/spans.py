"""Builds the spans of one trace, named and attributed by OpenTelemetry's semantic conventions.

HTTP and RPC calls come as client / server pairs across services, messages as producer and consumer
spans joined by a link and a message id, database calls as client spans.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from suture.app.demo.network import SERVICES
from suture.app.demo.signals import AttributeValue, SpanKind, SpanOut, SpanPoint

Attributes = Mapping[str, AttributeValue]

_DATABASES = {
    "clinical-support": "postgresql",
    "erp": "oracle.db",
    "perioperative": "microsoft.sql_server",
    "workforce": "postgresql",
    "analytics": "clickhouse",
}
_WIRE = timedelta(milliseconds=3)


def milliseconds(count: float) -> timedelta:
    """A whole number of milliseconds: all simulated times are multiples of one."""
    return timedelta(milliseconds=round(count))


def host_of(service: str) -> str:
    """The address a service is called at."""
    return f"{service}.mercy-health.example"


class Trace:
    """One trace under construction. Finished spans are appended to the given list."""

    def __init__(self, rng: Random, sink: list[SpanOut]) -> None:
        """Draw a trace id from `rng`; spans go to `sink` in the order in which they are made."""
        self._rng = rng
        self._sink = sink
        self.trace_id = rng.getrandbits(128) | 1

    def span(
        self,
        service: str,
        name: str,
        kind: SpanKind,
        start: datetime,
        end: datetime,
        *,
        parent: SpanOut | None = None,
        attributes: Attributes | None = None,
        points: Sequence[SpanPoint] = (),
        links: Sequence[tuple[int, int]] = (),
        error: str = "",
    ) -> SpanOut:
        """Any span; the others are shapes of this one."""
        made = SpanOut(
            service=service,
            name=name,
            kind=kind,
            trace_id=self.trace_id,
            span_id=self._rng.getrandbits(64) | 1,
            parent_id=parent.span_id if parent else 0,
            parent_service=parent.service if parent else "",
            start=start,
            end=end,
            attributes=dict(attributes or {}),
            points=tuple(points),
            links=tuple(links),
            error=error,
        )
        self._sink.append(made)
        return made

    def server(
        self,
        service: str,
        method: str,
        route: str,
        start: datetime,
        end: datetime,
        *,
        parent: SpanOut | None = None,
        status: int = 200,
        business: Attributes | None = None,
        points: Sequence[SpanPoint] = (),
    ) -> SpanOut:
        """An HTTP request as its server saw it."""
        attributes = {
            "http.request.method": method,
            "http.route": route,
            "url.path": route,
            "url.scheme": "https",
            "http.response.status_code": status,
            **(business or {}),
        }
        return self.span(
            service, f"{method} {route}", "server", start, end,
            parent=parent, attributes=attributes, points=points,
        )  # fmt: skip

    def http_client(
        self,
        parent: SpanOut,
        callee: str,
        route: str,
        start: datetime,
        end: datetime,
        *,
        status: int = 202,
        business: Attributes | None = None,
    ) -> SpanOut:
        """An HTTP POST as its caller saw it."""
        known = SERVICES.get(callee)
        port = known.port if known else 443
        host = host_of(callee) if known else callee
        attributes = {
            "http.request.method": "POST",
            "url.full": f"https://{host}:{port}{route}",
            "server.address": host,
            "server.port": port,
            "http.response.status_code": status,
            **(business or {}),
        }
        return self.span(
            parent.service, "POST", "client", start, end, parent=parent, attributes=attributes
        )

    def http_call(
        self,
        parent: SpanOut,
        callee: str,
        route: str,
        start: datetime,
        end: datetime,
        *,
        status: int = 202,
        business: Attributes | None = None,
    ) -> SpanOut:
        """An HTTP POST from the parent's service to `callee`; returns the server's span."""
        client = self.http_client(
            parent, callee, route, start, end, status=status, business=business
        )
        return self.server(
            callee, "POST", route, *_inside(start, end), parent=client, status=status
        )

    def rpc_call(
        self,
        parent: SpanOut,
        callee: str,
        rpc_service: str,
        method: str,
        start: datetime,
        end: datetime,
        *,
        business: Attributes | None = None,
    ) -> SpanOut:
        """A gRPC call from the parent's service to `callee`; returns the server's span."""
        attributes: dict[str, AttributeValue] = {
            "rpc.system": "grpc",
            "rpc.service": rpc_service,
            "rpc.method": method,
            "rpc.grpc.status_code": 0,
            "server.address": host_of(callee),
        }
        name = f"{rpc_service}/{method}"
        client = self.span(
            parent.service, name, "client", start, end, parent=parent, attributes=attributes
        )
        return self.span(
            callee, name, "server", *_inside(start, end),
            parent=client, attributes={**attributes, **(business or {})},
        )  # fmt: skip

    def database(
        self,
        parent: SpanOut,
        operation: str,
        table: str,
        start: datetime,
        end: datetime,
        *,
        points: Sequence[SpanPoint] = (),
        extra: Attributes | None = None,
    ) -> SpanOut:
        """A statement against the database of the parent's system."""
        attributes = {
            "db.system.name": _DATABASES[SERVICES[parent.service].system],
            "db.operation.name": operation,
            "db.collection.name": table,
            **(extra or {}),
        }
        return self.span(
            parent.service, f"{operation} {table}", "client", start, end,
            parent=parent, attributes=attributes, points=points,
        )  # fmt: skip

    def send(
        self,
        parent: SpanOut,
        queue: str,
        message_id: str,
        start: datetime,
        end: datetime,
        *,
        business: Attributes | None = None,
    ) -> SpanOut:
        """A message handed to the broker."""
        attributes = {**_messaging("send", queue, message_id), **(business or {})}
        return self.span(
            parent.service, f"send {queue}", "producer", start, end,
            parent=parent, attributes=attributes,
        )  # fmt: skip

    def consume(
        self,
        service: str,
        operation: str,
        queue: str,
        message: SpanOut,
        start: datetime,
        end: datetime,
        *,
        parent: SpanOut | None = None,
        business: Attributes | None = None,
        points: Sequence[SpanPoint] = (),
        attempt: int = 1,
        error: str = "",
    ) -> SpanOut:
        """A consumer's `receive` or `process` of `message`, a span of `send`, linked to it."""
        message_id = str(message.attributes["messaging.message.id"])
        attributes = {**_messaging(operation, queue, message_id), **(business or {})}
        if attempt > 1:
            attributes["messaging.rabbitmq.message.delivery_count"] = attempt
        if error:
            attributes["error.type"] = error.partition(":")[0]
        return self.span(
            service, f"{operation} {queue}", "consumer", start, end,
            parent=parent, attributes=attributes, points=points, error=error,
            links=[(message.trace_id, message.span_id)],
        )  # fmt: skip

    def transform(
        self,
        parent: SpanOut,
        mapping: str,
        start: datetime,
        end: datetime,
        *,
        attempt: int = 1,
        error: str = "",
    ) -> SpanOut:
        """One run of a mapping inside the middleware."""
        attributes: dict[str, AttributeValue] = {"mapping.name": mapping, "retry.attempt": attempt}
        points: list[SpanPoint] = []
        if error:
            kind, _, message = error.partition(": ")
            attributes["error.type"] = kind
            raised = {"exception.type": kind, "exception.message": message}
            points.append(SpanPoint(name="exception", at=end, attributes=raised))
        return self.span(
            parent.service, f"transform {mapping}", "internal", start, end,
            parent=parent, attributes=attributes, points=points, error=error,
        )  # fmt: skip


def _messaging(operation: str, queue: str, message_id: str) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": queue,
        "messaging.message.id": message_id,
    }


def _inside(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """When the callee was busy with a call that took its caller from `start` to `end`."""
    wire = min(_WIRE, (end - start) / 4)
    return start + wire, end - wire
