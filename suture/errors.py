"""Everything that can go wrong, as one tree.

The first cut is by who has to act, the second by whether trying again can help.

    SutureError
    ├── DefinitionError            whoever wrote a configuration file; carries every problem found
    ├── InputError                 whoever sent the data; never worth repeating unchanged
    │   ├── MalformedInput         it cannot be read at all
    │   ├── InvalidInput           it can be read, and breaks the contract
    │   ├── TooLarge               a body, or what it decompresses to, is over the limit
    │   └── UnsupportedMedia       the content type or encoding is not one we take
    ├── AccessDenied               whoever called: no key, or a wrong one
    ├── NotPermitted               whoever called: the key is good, and not for this
    ├── NotFound                   whoever asked: there is no such thing
    ├── InvalidQuery               whoever asked: a filter, cursor, limit or time makes no sense
    ├── Unavailable                nobody: try again, `retry_after_seconds` says when
    │   ├── RateLimited            the caller is over the rate of its key
    │   ├── SpoolFull              the spool is at its cap
    │   ├── LeaseLost              another worker has taken over
    │   └── StoreUnavailable       the store does not answer
    ├── StoreError                 whoever operates the store
    │   ├── StoreRefused           the engine refused a statement or its data; permanent
    │   ├── StoreLocked            another process owns the embedded store
    │   └── MigrationError         the schema is not what the code expects
    ├── DeliveryError              whoever receives notifications
    │   ├── DeliveryRejected       permanent: the receiver said no
    │   └── DeliveryDeferred       temporary: try again
    └── InstallationError          whoever installed it: settings, ports, missing extras
"""

from collections.abc import Sequence
from dataclasses import dataclass


class SutureError(Exception):
    """Something went wrong in Suture."""

    def __init__(self, message: str | None = None) -> None:
        """Use `message`, or the first line of the class's docstring where none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip().split("\n")[0])

    @property
    def message(self) -> str:
        """The sentence to show a person."""
        return str(self.args[0])


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Problem:
    """One mistake in a configuration: which file, which entry, which field, and what is wrong."""

    file: str
    entry: str = ""
    field: str = ""
    message: str

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.entry, self.field) if part)
        return f"{where}: {self.message}"


class DefinitionError(SutureError):
    """A configuration file is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Carry all `problems`, so that one run shows every mistake."""
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type["DefinitionError"], tuple[tuple[Problem, ...]]]:
        """Errors pass between processes; this one is made again from its problems."""
        return type(self), (self.problems,)


class InputError(SutureError):
    """What was sent cannot be accepted."""


class MalformedInput(InputError):
    """What was sent cannot be read."""


class InvalidInput(InputError):
    """What was sent breaks its contract."""


class TooLarge(InputError):
    """What was sent is over the size limit."""


class UnsupportedMedia(InputError):
    """The content type or encoding is not supported."""


class AccessDenied(SutureError):
    """A valid key is needed: send it as 'Authorization: Bearer <key>'."""


class NotPermitted(SutureError):
    """The key is good, and has not the scope that this needs."""


class NotFound(SutureError):
    """There is no such thing."""


class InvalidQuery(SutureError):
    """The query makes no sense."""

    def __init__(self, message: str | None = None, *, field: str = "") -> None:
        """Say which parameter is wrong; the message begins with its name."""
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class Unavailable(SutureError):
    """Not available right now; try again."""

    def __init__(self, message: str | None = None, *, retry_after_seconds: float = 1.0) -> None:
        """Say when (seconds from now) another try makes sense."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RateLimited(Unavailable):
    """The caller is over the rate of its key."""


class SpoolFull(Unavailable):
    """The spool is full: the store does not keep up or does not answer."""


class LeaseLost(Unavailable):
    """Another process is the worker of this store now."""


class StoreUnavailable(Unavailable):
    """The store does not answer."""

    def __init__(
        self, message: str | None = None, *, retry_after_seconds: float = 1.0, code: int = 0
    ) -> None:
        """Keep the engine's own error `code` (0 where it gave none)."""
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.code = code


class StoreError(SutureError):
    """The store cannot do what was asked."""


class StoreRefused(StoreError):
    """The store refused a statement or its data."""

    def __init__(self, message: str | None = None, *, code: int = 0) -> None:
        """Keep the engine's own error `code` (0 where it gave none)."""
        super().__init__(message)
        self.code = code


class StoreLocked(StoreError):
    """Another process owns this embedded store."""


class MigrationError(StoreError):
    """The schema of the store is not what this version expects."""


class DeliveryError(SutureError):
    """A notification was not delivered."""


class DeliveryRejected(DeliveryError):
    """The receiver refused the notification."""


class DeliveryDeferred(DeliveryError):
    """The receiver could not take the notification now."""

    def __init__(
        self, message: str | None = None, *, retry_after_seconds: float | None = None
    ) -> None:
        """Keep how long to wait where the receiver said so, None where it did not."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class InstallationError(SutureError):
    """This installation cannot run as configured."""
