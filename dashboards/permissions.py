"""What every call and page needs: one table, in which everything that answers must stand.

Pure. A path that stands here with other methods only is a 405, and one that does not stand here at
all is a 404 for everybody but who may administer: a call that was forgotten is closed, not open.
A page's own requests for data come through one path, `/ui/_dash-update-component`; what acts among
them asks for its scope itself, see `callers`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from starlette.routing import compile_path

from suture.contracts.access import Scope

_READ, _OPERATE, _ADMIN = Scope.READ, Scope.OPERATE, Scope.ADMIN

CALLS: tuple[tuple[str, str, Scope | None], ...] = (
    ("GET", "/", None),
    ("GET", "/healthz", None),
    ("GET", "/readyz", None),
    ("GET", "/metrics", _READ),
    ("GET", "/api/v1/openapi.json", _READ),
    ("GET", "/api/v1/processes", _READ),
    ("GET", "/api/v1/processes/{process}", _READ),
    ("GET", "/api/v1/processes/{process}/map", _READ),
    ("GET", "/api/v1/processes/{process}/variants", _READ),
    ("GET", "/api/v1/processes/{process}/conformance", _READ),
    ("GET", "/api/v1/instances", _READ),
    ("GET", "/api/v1/instances/{process}/{anchor_id:path}", _READ),
    ("GET", "/api/v1/slas", _READ),
    ("GET", "/api/v1/slas/{sla}", _READ),
    ("GET", "/api/v1/slas/{sla}/attainment", _READ),
    ("GET", "/api/v1/slas/{sla}/verdicts", _READ),
    ("GET", "/api/v1/kpis", _READ),
    ("GET", "/api/v1/alerts", _READ),
    ("GET", "/api/v1/alerts/{id}", _READ),
    ("POST", "/api/v1/alerts/{id}/ack", _OPERATE),
    ("POST", "/api/v1/alerts/{id}/assign", _OPERATE),
    ("POST", "/api/v1/alerts/{id}/comment", _OPERATE),
    ("POST", "/api/v1/alerts/{id}/snooze", _OPERATE),
    ("POST", "/api/v1/alerts/{id}/resolve", _OPERATE),
    ("GET", "/api/v1/attribution", _READ),
    ("GET", "/api/v1/attribution/late", _READ),
    ("GET", "/api/v1/traces", _READ),
    ("GET", "/api/v1/traces/{trace_id}", _READ),
    ("GET", "/api/v1/dead-letters", _READ),
    ("GET", "/api/v1/dead-letters/groups", _READ),
    ("GET", "/api/v1/dead-letters/{id}", _READ),
    ("POST", "/api/v1/dead-letters/replay", _OPERATE),
    ("POST", "/api/v1/dead-letters/discard", _OPERATE),
    ("POST", "/api/v1/dead-letters/{id}/replay", _OPERATE),
    ("POST", "/api/v1/dead-letters/{id}/discard", _OPERATE),
    ("GET", "/api/v1/conflicts", _READ),
    ("GET", "/api/v1/links/ambiguous", _READ),
    ("GET", "/api/v1/links/decisions", _READ),
    ("POST", "/api/v1/links/{id}/accept", _OPERATE),
    ("POST", "/api/v1/links/{id}/block", _OPERATE),
    ("POST", "/api/v1/links/{id}/split", _OPERATE),
    ("POST", "/api/v1/links/{id}/undo", _OPERATE),
    ("GET", "/api/v1/status", _READ),
    ("GET", "/api/v1/sources", _READ),
    ("GET", "/api/v1/sources/history", _READ),
    ("GET", "/api/v1/keys", _ADMIN),
    ("POST", "/api/v1/keys", _ADMIN),
    ("POST", "/api/v1/keys/{key}/revoke", _ADMIN),
    ("POST", "/api/v1/keys/{key}/rotate", _ADMIN),
    ("GET", "/ui/login", None),
    ("POST", "/ui/login", None),
    ("POST", "/ui/logout", None),
    ("GET", "/ui/export/{table}.csv", _READ),
    ("GET", "/ui/assets/{file:path}", _READ),
    ("GET", "/ui/_dash-component-suites/{package_name}/{fingerprinted_path:path}", _READ),
    ("GET", "/ui/_dash-layout", _READ),
    ("GET", "/ui/_dash-dependencies", _READ),
    ("POST", "/ui/_dash-update-component", _READ),
    ("GET", "/ui/_reload-hash", _READ),
    ("GET", "/ui/_favicon.ico", _READ),
    ("WEBSOCKET", "/ui/_dash-ws-callback", _READ),
    # All other paths below are pages, the one that says that a page is missing among them.
    ("GET", "/ui", _READ),
    ("GET", "/ui/", _READ),
    ("GET", "/ui/{page:path}", _READ),
)
"""Method, path, and the scope that is needed; None where nobody has to say who they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a request needs. `allowed` are the methods of a path that is asked by another one."""

    known: bool
    scope: Scope | None = None
    allowed: tuple[str, ...] = ()


def need_of(method: str, path: str) -> Need:
    """What a request needs; HEAD is GET, and a websocket has the method WEBSOCKET."""
    method = "GET" if method == "HEAD" else method
    allowed = []
    for own, pattern, scope in _compiled():
        if pattern.match(path):
            if own == method:
                return Need(known=True, scope=scope)
            allowed.append(own)
    return Need(known=False, allowed=tuple(dict.fromkeys(allowed)))


@cache
def _compiled() -> tuple[tuple[str, re.Pattern[str], Scope | None], ...]:
    def compiled() -> Iterator[tuple[str, re.Pattern[str], Scope | None]]:
        for method, path, scope in CALLS:
            yield method, compile_path(path)[0], scope

    return tuple(compiled())
