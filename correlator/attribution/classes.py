"""The class of a span: a table of rules, the first whose conditions all hold decides.

A condition is a name that `conditions` finds true of a span. A rule gives a cause, or leaves it to
the role of the system that was called or of the span's own (`CALLED`, `OWN`). Later rules may rely
on earlier ones not having matched.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from correlator.attribution import conventions
from correlator.attribution.model import Landscape, Span
from suture.contracts.attribution import Cause
from suture.definitions.landscape import SystemRole


class Condition(StrEnum):
    """What can be true of a span."""

    REJECTED = "a business rule said no"
    LOCKED = "it waited for a lock"
    UNREACHABLE = "it timed out, or found no connection or no name"
    LIMITED = "it was throttled, or turned away as unavailable"
    CALL = "it calls another service"
    ANSWERED = "the service it calls has a span of the call"
    CALLED_SENDS_SPANS = "the service it calls sends spans"
    CALLED_IS_SILENT = "the system it calls is declared and sends no spans"
    OF_RECORD = "it is, or calls, a system of record"
    HANDOVER = "it sends, receives or settles a message"


class ByRole(StrEnum):
    """A class that a system's role decides."""

    OWN = "own"
    CALLED = "called"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """If all of `when` holds, the class is `then`; `says` is how a person is told."""

    when: frozenset[Condition]
    then: Cause | ByRole
    says: str


def _rule(then: Cause | ByRole, says: str, *when: Condition) -> Rule:
    return Rule(when=frozenset(when), then=then, says=says)


_C = Condition
REJECTED = _rule(Cause.BUSINESS_RULE, "{span} was rejected", _C.REJECTED)
# A lock that was waited for too long shows as a timeout too; the lock is what holds things up.
LOCKED = _rule(Cause.DOWNSTREAM, "{span} waited for a lock", _C.LOCKED, _C.OF_RECORD)
UNREACHABLE = _rule(Cause.TRANSPORT, "{span} failed: {error}", _C.UNREACHABLE)
AROUND_A_CALL = _rule(Cause.TRANSPORT, "on the way to {called} and back", _C.CALL, _C.ANSWERED)
HANDOVER = _rule(Cause.TRANSPORT, "{span}", _C.HANDOVER)
LIMITED = _rule(Cause.DOWNSTREAM, "{called} turned {span} away: {error}", _C.LIMITED, _C.OF_RECORD)
NOT_ARRIVED = _rule(Cause.TRANSPORT, "calling {called}", _C.CALL, _C.CALLED_SENDS_SPANS)
SILENT_CALLEE = _rule(
    ByRole.CALLED, "waiting for {called}, which sends no spans", _C.CALL, _C.CALLED_IS_SILENT
)
ANYTHING_ELSE = _rule(ByRole.OWN, "{span}")

TABLE = (
    REJECTED, LOCKED, UNREACHABLE, AROUND_A_CALL, HANDOVER, LIMITED, NOT_ARRIVED, SILENT_CALLEE,
    ANYTHING_ELSE,
)  # fmt: skip
"""The class of the time that is a span's own."""

SAID_BY_THE_ATTEMPT = (REJECTED, LOCKED, UNREACHABLE, HANDOVER, LIMITED)
"""What a failed attempt says of its failure itself; otherwise what failed within it is asked."""

ROLES = {
    SystemRole.MIDDLEWARE: Cause.TRANSFORMATION,
    SystemRole.BROKER: Cause.TRANSPORT,
    SystemRole.GATEWAY: Cause.TRANSPORT,
    SystemRole.RULES: Cause.BUSINESS_RULE,
}
"""The class of a system's own work by its role; the others' is downstream."""

TIMEOUT_STATUSES, TIMEOUT_CODES = frozenset({408, 504}), frozenset({4})
LIMIT_STATUSES, LIMIT_CODES = frozenset({429, 503}), frozenset({8, 14})
TIMEOUT_WORDS = r"time[ds]?[ _-]?out|timeout|deadline"
CONNECTION_WORDS = (
    r"connect|socket|disconnect|unreachable|econn|epipe|broken[ _]?pipe|handshake|no[ _]route"
)
NAME_WORDS = r"\bdns|dns\b|gaierror|getaddrinfo|unknown[ _]?host|enotfound|eai_|name[ _]?resol"
LOCK_WORDS = r"(?<![bc])lock|ora-00054|ora-00060|55p03|40p01"
LIMIT_WORDS = (
    r"throttl|rate[ _-]?limit|too[ _]?many[ _]?requests|quota|overload|resource[ _]?exhausted"
    r"|service[ _]?unavailable"
)
_UNREACHABLE = re.compile("|".join((TIMEOUT_WORDS, CONNECTION_WORDS, NAME_WORDS)))
_LOCKED, _LIMITED = re.compile(LOCK_WORDS), re.compile(LIMIT_WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The class of some time, at which system, and what was going on."""

    cause: Cause
    system: str | None
    why: str


class Classifier:
    """Classes the spans of one instance; answers are remembered."""

    def __init__(
        self,
        landscape: Landscape,
        answering: Callable[[Span], Span | None],
        failures_within: Callable[[Span], Span | None],
    ) -> None:
        """`answering` gives the server span of a call; `failures_within` the last failed child."""
        self._landscape = landscape
        self._answering = answering
        self._failures_within = failures_within
        self._own: dict[Span, Verdict] = {}
        self._called: dict[Span, tuple[str | None, str | None]] = {}

    def own_time(self, span: Span) -> Verdict:
        """The class of the time in which `span` is the innermost one on the critical path."""
        known = self._own.get(span)
        if known is None:
            found = self.conditions(span)
            rule = next(rule for rule in TABLE if rule.when <= found)
            known = self._own[span] = self._verdict(rule, span)
        return known

    def failed_attempt(self, span: Span) -> Verdict:
        """The class of a failed attempt: of what it says, or of what failed within it."""
        seen: set[Span] = set()
        while span not in seen:
            seen.add(span)
            found = self.conditions(span)
            for rule in SAID_BY_THE_ATTEMPT:
                if rule.when <= found:
                    return self._verdict(rule, span)
            inner = self._failures_within(span)
            if inner is None:
                break
            span = inner
        return self.own_time(span)

    def system_of(self, span: Span) -> str | None:
        """The system that a span's service belongs to."""
        return self._landscape.services.get(span.service)

    def conditions(self, span: Span) -> frozenset[Condition]:
        """All that is true of a span."""
        found = set(_said(span))
        landscape = self._landscape
        system = self.system_of(span)
        if conventions.is_call(span):
            found.add(Condition.CALL)
            if self._answering(span) is not None:
                found.add(Condition.ANSWERED)
            service, called = self.called(span)
            if service in landscape.senders:
                found.add(Condition.CALLED_SENDS_SPANS)
            elif called and (service or not self._sends_spans(called)):
                found.add(Condition.CALLED_IS_SILENT)
            system = called or system
        if landscape.role(system) is SystemRole.SYSTEM_OF_RECORD:
            found.add(Condition.OF_RECORD)
        return frozenset(found)

    def called(self, span: Span) -> tuple[str | None, str | None]:
        """(service, system) that a call goes to, as far as it can be told."""
        known = self._called.get(span)
        if known is None:
            known = self._called[span] = self._find_called(span)
        return known

    def _find_called(self, span: Span) -> tuple[str | None, str | None]:
        answer = self._answering(span)
        if answer is not None:
            return answer.service, self.system_of(answer)
        landscape = self._landscape
        for peer in conventions.peers(span):
            for name in (peer, peer.partition(".")[0]):
                if name in landscape.services:
                    return name, landscape.services[name]
                if name in landscape.senders:
                    return name, None
                if name in landscape.systems:
                    return None, name
                if name in landscape.addresses:
                    return None, landscape.addresses[name]
        return None, None

    def _sends_spans(self, system: str) -> bool:
        services = self._landscape.services
        return any(services.get(sender) == system for sender in self._landscape.senders)

    def _verdict(self, rule: Rule, span: Span) -> Verdict:
        service, called = self.called(span) if conventions.is_call(span) else (None, None)
        own = self.system_of(span)
        blamed = own if rule is ANYTHING_ELSE else called or own
        cause = rule.then
        if isinstance(cause, ByRole):
            role = self._landscape.role(called if cause is ByRole.CALLED else own)
            cause = ROLES.get(role, Cause.DOWNSTREAM) if role else Cause.DOWNSTREAM
        why = rule.says.format(
            span=f"{span.name} in {span.service}",
            called=called or service or own or span.service,
            error=_error_name(span),
        )
        return Verdict(cause=cause, system=blamed, why=why)


def _said(span: Span) -> set[Condition]:
    """The conditions that the span alone decides."""
    found: set[Condition] = set()
    status, code = conventions.http_status(span), conventions.grpc_status(span)
    words = conventions.error_words(span)
    if conventions.first(span, conventions.OUTCOME) == "rejected":
        found.add(Condition.REJECTED)
    if words and _LOCKED.search(words):
        found.add(Condition.LOCKED)
    if status in TIMEOUT_STATUSES or code in TIMEOUT_CODES or _UNREACHABLE.search(words):
        found.add(Condition.UNREACHABLE)
    if status in LIMIT_STATUSES or code in LIMIT_CODES or _LIMITED.search(words):
        found.add(Condition.LIMITED)
    if conventions.operation(span) in ("send", "receive", "settle"):
        found.add(Condition.HANDOVER)
    return found


def _error_name(span: Span) -> str:
    status = conventions.http_status(span)
    named = conventions.error_type(span) or (f"HTTP {status}" if status else span.message)
    return named or "no answer"
