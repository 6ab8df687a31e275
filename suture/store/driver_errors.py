"""From the errors of the driver and the engine to ours: who must act, and can a retry help.

The engine's own code decides where there is one. Without a code, the driver's class does, and over
HTTP the status, since an answer without a code did not come from ClickHouse but from something in
between. A test walks all classes of the driver and fails on one that stands in no table here.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from clickhouse_connect.driver import exceptions as driver
from urllib3.exceptions import HTTPError

from suture.errors import InstallationError, StoreRefused, StoreUnavailable, SutureError

TEMPORARY_CODES = {
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    225: "NO_ZOOKEEPER",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",
    243: "NOT_ENOUGH_SPACE",
    252: "TOO_MANY_PARTS",
    254: "NO_ACTIVE_REPLICAS",
    279: "ALL_CONNECTION_TRIES_FAILED",
    285: "TOO_FEW_LIVE_REPLICAS",
    286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    289: "REPLICA_IS_NOT_IN_QUORUM",
    319: "UNKNOWN_STATUS_OF_INSERT",
    394: "QUERY_WAS_CANCELLED",
    425: "SYSTEM_ERROR",
    439: "CANNOT_SCHEDULE_TASK",
    473: "DEADLOCK_AVOIDED",
    499: "S3_ERROR",
    517: "CANNOT_ASSIGN_ALTER",
    735: "QUERY_WAS_CANCELLED_BY_CLIENT",
    745: "SERVER_OVERLOADED",
    999: "KEEPER_EXCEPTION",
}
"""Errors of the engine that pass by themselves, by code; every other code is permanent."""

TEMPORARY_CLASSES = (
    driver.InterfaceError,
    driver.OperationalError,
    driver.StreamFailureError,
    driver.StreamCompleteException,
)
"""Without a code: the connection broke, or the server did."""

PERMANENT_CLASSES = (
    driver.ClickHouseError,
    driver.Warning,
    driver.Error,
    driver.DatabaseError,
    driver.DataError,
    driver.IntegrityError,
    driver.InternalError,
    driver.ProgrammingError,
    driver.NotSupportedError,
    driver.StreamClosedError,
)
"""Without a code: the driver refused the statement or a value itself."""

CONVERSION_ERRORS = (
    pa.ArrowException,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)
"""What the driver lets through when a value does not fit a column or a parameter."""

_TEMPORARY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_STATUS = re.compile(r"HTTP status (\d{3})")
_TOO_MANY_PARTITIONS = "Too many partitions"
_ADDRESS = re.compile(r" \((?:for url )?https?://[^)]*\)| with url: \S+")
_QUOTED_DATA = re.compile(r"\b(before:|parsed text:) *(?:'.*'|\".*\"|<[A-Z ]+>)")
_PLUMBING = re.compile(r": \(in file/uri .*|: While executing .*")
_LONGEST = 1_000


@contextmanager
def mapped_errors(doing: str = "") -> Iterator[None]:
    """Raise ours for what the driver raises inside: SutureError only, whatever happens there.

    `doing` says in a message what a value did not fit, as the driver keeps that to itself.
    """
    try:
        yield
    except SutureError:
        raise
    except (driver.ClickHouseError, driver.StreamCompleteException) as error:
        raise as_ours(error) from error
    except (OSError, HTTPError) as error:
        raise StoreUnavailable(f"the store cannot be reached: {error}") from error
    except ImportError as error:
        raise InstallationError(
            f"the embedded engine is not installed ({error}): install suture[embedded]"
        ) from error
    except CONVERSION_ERRORS as error:
        where = f"{doing}: " if doing else ""
        raise StoreRefused(f"{where}a value does not fit: {_readable(error)}") from error


def as_ours(error: Exception) -> SutureError:
    """Our error for one of the driver's."""
    code = int(getattr(error, "code", None) or 0)
    message = _readable(error)
    if code:
        if code in TEMPORARY_CODES and _TOO_MANY_PARTITIONS not in str(error):
            return StoreUnavailable(message, code=code)
        return StoreRefused(message, code=code)
    if status := _STATUS.search(str(error)):
        if int(status[1]) in _TEMPORARY_STATUSES:
            return StoreUnavailable(message)
        return StoreRefused(f"is this address a ClickHouse server? It says: {message}")
    if isinstance(error, TEMPORARY_CLASSES):
        return StoreUnavailable(message)
    return StoreRefused(message)


def _readable(error: Exception) -> str:
    """One line for a person: no address (parameters ride in it), no version, no refused data."""
    text = str(error) or type(error).__name__
    text = text[max(text.find("Code: "), 0) :].split("\n", 1)[0]
    text = driver.scrub_error_details(_ADDRESS.sub("", text))
    text = _QUOTED_DATA.sub(r"\1 …", _PLUMBING.sub("", text)).rstrip(": ")
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    name = getattr(error, "name", None)
    return text if not name or name in text else f"{text} ({name})"
