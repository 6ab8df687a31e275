"""Who asks, for what happens deep inside a request: pages that act, and the record of who did.

The guard says it at the door; a context variable carries it into callbacks and threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from suture.contracts.access import ANYBODY, Caller, Scope
from suture.errors import NotPermitted

_present: ContextVar[Caller] = ContextVar("caller", default=ANYBODY)


@contextmanager
def calling(caller: Caller) -> Iterator[None]:
    """While this lasts, `caller` is who asks."""
    before = _present.set(caller)
    try:
        yield
    finally:
        _present.reset(before)


def present() -> Caller:
    """Who asks."""
    return _present.get()


def require(scope: Scope) -> None:
    """Raise NotPermitted where who asks has not this scope."""
    caller = _present.get()
    if scope not in caller.scopes:
        raise NotPermitted(f"the key {caller.name!r} has not the scope {scope.value!r}")
