"""Attribution by brute force: for each elementary interval the rules of the contract, one by one.

Shares no code with the product, and no idea: no painting, no walking back, no lists of gaps. Spans,
members and systems are plain dictionaries. Slow, and meant to be obvious.
"""

import itertools
from typing import Any

Row = dict[str, Any]
CALLS_TIME_OUT = {"timeout", "ETIMEDOUT", "SocketTimeoutException", "504", "408"}
NO_CONNECTION = {"ECONNREFUSED", "UnknownHostException", "ConnectionResetError"}
LOCKS = {"LockTimeoutException", "deadlock"}
LIMITS = {"429", "503", "ThrottlingException"}
ROLES = {
    "middleware": "transformation",
    "broker": "transport",
    "gateway": "transport",
    "rules": "business_rule",
}


class Oracle:
    """One instance: `start`, `end`, `members` (ordered), `declared`, `spans`, `systems`."""

    def __init__(self, world: Row) -> None:
        self.world = world
        self.spans: dict[tuple[str, str], Row] = {}
        for span in world["spans"]:
            fixed = dict(span)
            fixed["end"] = max(span["start"], span["end"])
            shift = world["offsets"].get(span["service"], 0)
            fixed["start"] -= shift
            fixed["end"] -= shift
            self.spans[span["trace"], span["id"]] = fixed
        self._break_circles()

    def seconds(self) -> dict[tuple[int, str, str | None], int]:
        """How much time each (segment, cause, system) has."""
        found: dict[tuple[int, str, str | None], int] = {}
        members = self.world["members"]
        inside = [m for m in members if self.world["start"] <= m["at"] <= self.world["end"]]
        for number, (one, other) in enumerate(itertools.pairwise(inside)):
            for u, v in self._elementary(one["at"], other["at"]):
                key = (number, *self._cause(u, v, one, other))
                found[key] = found.get(key, 0) + v - u
        return found

    def _elementary(self, start: int, end: int) -> list[tuple[int, int]]:
        points = {start, end}
        for span in self.spans.values():
            points |= {span["start"], span["end"]}
        for interval in self.world["planned"]:
            points |= set(interval)
        for system in self.world["systems"].values():
            for interval in system["closed"]:
                points |= set(interval)
        ordered = sorted(p for p in points if start <= p <= end)
        return list(itertools.pairwise(ordered))

    def _cause(self, u: int, v: int, one: Row, other: Row) -> tuple[str, str | None]:
        for rule in (self._retry, self._span, self._message, self._planned):
            if (found := rule(u, v, other)) is not None:
                return found
        declared = self.world["declared"][other["milestone"]]
        if one["outcome"] == "rejected" or declared["kind"] == "manual":
            return "business_rule", declared["system"]
        if declared["kind"] == "external":
            return "external", declared["system"]
        return "unobserved", None

    # 1 ------------------------------------------------------------------------------------------

    def _retry(self, u: int, v: int, other: Row) -> tuple[str, str | None] | None:
        """The last failure before u, if the same thing is tried again at or after v."""
        best: tuple[Any, Row] | None = None
        for after in self.spans.values():
            if after["start"] < v:
                continue
            for key in self._sameness(after):
                group = [s for s in self.spans.values() if key in self._sameness(s)]
                earlier = [s for s in group if s["end"] <= u]
                # Nothing of the group runs now, and `after` is the very next.
                if not earlier or any(s["start"] < v and s["end"] > u for s in group):
                    continue
                following = sorted(
                    (s for s in group if s["start"] >= v), key=lambda s: (s["start"], *_by(s))
                )
                if following[0] is not after:
                    continue
                attempt = self._last_attempt(earlier)
                failed = [s for s in attempt if self._failed(s)]
                together = self._first_attempt(following)
                if not failed and any(self._again(s) for s in together):
                    failed = attempt
                if not failed:
                    continue
                end = max(s["end"] for s in attempt)
                before = max(failed, key=lambda s: (s["end"], s["start"], s["trace"], s["id"]))
                rank = (-end, after["start"], _name(before), _name(after))
                if best is None or rank < best[0]:
                    best = (rank, before)
        return self._attempt_class(best[1]) if best else None

    def _sameness(self, span: Row) -> list[tuple[Any, ...]]:
        attributes = span["attributes"]
        if self._operation(span) in ("receive", "process"):
            keys = [("link", link, span["service"]) for link in span["links"]]
            if message := attributes.get("messaging.message.id"):
                keys.append(("id", message, span["service"]))
            return keys
        if not span["parent"]:
            return []
        what = tuple(attributes.get(n, "") for n in ("server.address", "http.request.method"))
        queue = attributes.get("messaging.destination.name", "")
        same = (span["trace"], span["parent"], span["service"], span["kind"], span["name"])
        return [("call", *same, *what, queue)]

    def _last_attempt(self, earlier: list[Row]) -> list[Row]:
        """The spans that hang together by overlap and end last."""
        ordered = sorted(earlier, key=lambda s: (s["start"], *_by(s)))
        runs: list[list[Row]] = []
        for span in ordered:
            if runs and span["start"] < max(s["end"] for s in runs[-1]):
                runs[-1].append(span)
            else:
                runs.append([span])
        return runs[-1]

    def _first_attempt(self, later: list[Row]) -> list[Row]:
        run = [later[0]]
        for span in later[1:]:
            if span["start"] < max(s["end"] for s in run):
                run.append(span)
            else:
                break
        return run

    def _attempt_class(self, span: Row) -> tuple[str, str | None]:
        seen: list[Row] = []
        while True:
            seen.append(span)
            said = self._said(span)
            if said is not None:
                return said
            failed = [c for c in self._children(span) if self._failed(c)]
            if not failed:
                break
            inner = max(failed, key=lambda s: (s["end"], s["start"], s["trace"], s["id"]))
            if inner in seen:
                break
            span = inner
        return self._class(span)

    def _again(self, span: Row) -> bool:
        return int(span["attributes"].get("http.request.resend_count", "0")) >= 1

    def _failed(self, span: Row) -> bool:
        status = int(span["attributes"].get("http.response.status_code", "0"))
        error = span["attributes"].get("error.type", "")
        least = 400 if span["kind"] == "client" else 500
        return bool(span["failed"] or error) or status >= least

    # 2 ------------------------------------------------------------------------------------------

    def _span(self, u: int, v: int, other: Row) -> tuple[str, str | None] | None:
        running = [s for s in self.spans.values() if s["start"] <= u and s["end"] >= v]
        if not running:
            return None
        traces = {s["trace"] for s in running}
        begun = {t: min(s["start"] for s in self.spans.values() if s["trace"] == t) for t in traces}
        chosen = min(traces, key=lambda t: (t != other["trace"], -begun[t], t))
        at, path = None, [s for s in running if s["trace"] == chosen]
        while below := [s for s in path if self._holder(s, u, v) is at]:
            at = min(
                below,
                key=lambda s: (-self._stays_until(s, at, v), -s["end"], s["start"], s["id"]),
            )
        assert at is not None
        return self._class(at)

    def _holder(self, span: Row, u: int, v: int) -> Row | None:
        """The nearest ancestor that runs in [u, v)."""
        parent = self._parent(span)
        while parent is not None and not (parent["start"] <= u and parent["end"] >= v):
            parent = self._parent(parent)
        return parent

    def _stays_until(self, span: Row, holder: Row | None, v: int) -> int:
        """Up to when the span runs on below the same holder."""
        points = sorted(
            {p for s in self.spans.values() for p in (s["start"], s["end"])} | {span["end"]}
        )
        until = v
        for point in points:
            if point <= until:
                continue
            if span["end"] < point or self._holder(span, until, point) is not holder:
                break
            until = point
        return until

    def _parent(self, span: Row) -> Row | None:
        return self.spans.get((span["trace"], span["parent"])) if span["parent"] else None

    def _children(self, span: Row) -> list[Row]:
        return [s for s in self.spans.values() if s is not span and self._parent(s) is span]

    def _break_circles(self) -> None:
        for span in self.spans.values():
            if span["parent"] == span["id"]:
                span["parent"] = ""
        for start in sorted(self.spans):
            walked: list[Row] = []
            at: Row | None = self.spans[start]
            while at is not None and at not in walked:
                walked.append(at)
                at = self._parent(at)
            if at is not None:
                circle = walked[walked.index(at) :]
                min(circle, key=lambda s: (s["start"], s["id"]))["parent"] = ""

    def _said(self, span: Row) -> tuple[str, str | None] | None:
        """What a span's own words decide, but for the answer of whom it calls."""
        attributes, own = span["attributes"], self._system(span["service"])
        called = self._called(span) or own
        error = attributes.get("error.type", "")
        status = attributes.get("http.response.status_code", "")
        of_record = self._role(called) == "system_of_record"
        if attributes.get("business.outcome") == "rejected":
            return "business_rule", called
        if error in LOCKS and of_record:
            return "downstream", called
        if {error, status} & (CALLS_TIME_OUT | NO_CONNECTION) or error in LOCKS & CALLS_TIME_OUT:
            return "transport", called
        if error == "LockTimeoutException":
            return "transport", called
        if self._operation(span) in ("send", "receive", "settle"):
            return "transport", called
        if {error, status} & LIMITS and of_record:
            return "downstream", called
        return None

    def _class(self, span: Row) -> tuple[str, str | None]:
        own, called = self._system(span["service"]), self._called(span)
        error = span["attributes"].get("error.type", "")
        status = span["attributes"].get("http.response.status_code", "")
        answered = self._answer(span) is not None and self._calls(span)
        said = self._said(span)
        limited = {error, status} & LIMITS and said is not None and said[0] == "downstream"
        if answered and said is not None and limited and error not in LOCKS:
            return "transport", called or own
        if said is not None and not (
            answered and self._operation(span) in ("send", "receive", "settle")
        ):
            return said
        if answered:
            return "transport", called or own
        if self._calls(span):
            service = self._called_service(span)
            if service in self.world["senders"]:
                return "transport", called or own
            if called is not None:
                return ROLES.get(self._role(called), "downstream"), called
        return ROLES.get(self._role(own), "downstream"), own

    def _calls(self, span: Row) -> bool:
        if span["kind"] != "client" or "db.system" in span["attributes"]:
            return False
        return not self._operation(span)

    def _answer(self, span: Row) -> Row | None:
        """The nearest server span below, through further client spans of the same service."""
        layer = [span]
        seen = [span]
        while layer:
            below = [c for one in layer for c in self._children(one) if c not in seen]
            servers = [c for c in below if c["kind"] == "server"]
            if servers:
                return min(servers, key=lambda s: (s["start"], s["id"]))
            layer = [c for c in below if c["service"] == span["service"] and c["kind"] == "client"]
            seen += layer
        return None

    def _called_service(self, span: Row) -> str | None:
        answer = self._answer(span)
        if answer is not None:
            return answer["service"]
        address = span["attributes"].get("server.address")
        known = set(self.world["services"]) | set(self.world["senders"])
        return address if address in known else None

    def _called(self, span: Row) -> str | None:
        if not self._calls(span):
            return None
        service = self._called_service(span)
        return self._system(service) if service else None

    def _system(self, service: str) -> str | None:
        return self.world["services"].get(service)

    def _role(self, system: str | None) -> str:
        return self.world["systems"][system]["role"] if system else ""

    def _operation(self, span: Row) -> str:
        said = span["attributes"].get("messaging.operation", "")
        if said:
            return {"publish": "send"}.get(said, said)
        return {"producer": "send", "consumer": "process"}.get(span["kind"], "")

    # 3 ------------------------------------------------------------------------------------------

    def _message(self, u: int, v: int, other: Row) -> tuple[str, str | None] | None:
        best: tuple[Any, Row, Row] | None = None
        for producer in self.spans.values():
            if self._operation(producer) != "send" or producer["end"] > u:
                continue
            takers: dict[str, Row] = {}
            for consumer in self.spans.values():
                if self._operation(consumer) not in ("receive", "process"):
                    continue
                if consumer["start"] <= producer["end"] or not self._same(producer, consumer):
                    continue
                known = takers.get(consumer["service"])
                order = (consumer["start"], _name(consumer))
                if known is None or order < (known["start"], _name(known)):
                    takers[consumer["service"]] = consumer
            for consumer in takers.values():
                if consumer["start"] < v:
                    continue
                rank = (-producer["end"], consumer["start"], _name(producer), _name(consumer))
                if best is None or rank < best[0]:
                    best = (rank, producer, consumer)
        if best is None:
            return None
        _, producer, consumer = best
        system = self._system(consumer["service"])
        for start, end in self.world["systems"][system]["closed"] if system else ():
            if start <= producer["end"] < end and u < end:
                return "planned_wait", system
        queue = producer["attributes"].get("messaging.destination.name", "")
        return "transport", self.world["queues"].get(queue, system)

    def _same(self, producer: Row, consumer: Row) -> bool:
        here = (producer["trace"], producer["id"])
        sent = producer["attributes"].get("messaging.message.id")
        got = consumer["attributes"].get("messaging.message.id")
        return (
            here in consumer["links"]
            or here == (consumer["trace"], consumer["given_parent"])
            or (sent is not None and sent == got)
        )

    # 4 ------------------------------------------------------------------------------------------

    def _planned(self, u: int, v: int, other: Row) -> tuple[str, str | None] | None:
        if any(start <= u and v <= end for start, end in self.world["planned"]):
            return "planned_wait", None
        return None


def _name(span: Row) -> tuple[str, str]:
    return span["trace"], span["id"]


def _by(span: Row) -> tuple[Any, ...]:
    return span["end"], span["trace"], span["id"]
