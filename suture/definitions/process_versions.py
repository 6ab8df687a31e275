"""Versions of one process: which is in force when, and what must not differ between them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from itertools import pairwise

from suture.definitions.process import ObjectType, ProcessDefinition

_ALWAYS = date.min


def effective_at(version: ProcessDefinition) -> datetime | None:
    """The first instant a version is in force: midnight UTC of `effective_from`; None: always."""
    if version.effective_from is None:
        return None
    return datetime.combine(version.effective_from, time.min, tzinfo=UTC)


def in_order(versions: Sequence[ProcessDefinition]) -> tuple[ProcessDefinition, ...]:
    """The versions as they take effect one after the other; one without a date comes first."""
    return tuple(sorted(versions, key=lambda v: (v.effective_from or _ALWAYS, v.version)))


def version_at(versions: Sequence[ProcessDefinition], at: datetime) -> ProcessDefinition:
    """Of the versions (as `in_order` gives them) the one in force at `at`.

    What began before the first version took effect is held against the first: no instance is lost
    for being old.
    """
    found = versions[0]
    for version in versions[1:]:
        since = effective_at(version)
        if since is not None and since <= at:
            found = version
    return found


def disagreements(
    versions: Sequence[ProcessDefinition],
) -> Iterator[tuple[ProcessDefinition, str, str]]:
    """(version, field, message) for whatever keeps versions (`in_order`) from standing together.

    They share one stitching: the anchor's type, how ids are read and which links are accepted are
    the same for all of them.
    """
    for earlier, later in pairwise(versions):
        yield from _succession(earlier, later)
    first = versions[0]
    for version in versions[1:]:
        if version.anchor != first.anchor:
            message = f"is {first.anchor!r} in version {first.version}; it cannot change"
            yield version, "anchor", message
    yield from _differing(versions)


def _succession(
    earlier: ProcessDefinition, later: ProcessDefinition
) -> Iterator[tuple[ProcessDefinition, str, str]]:
    field = "effective_from"
    if later.effective_from is None:
        message = f"is missing, as in version {earlier.version}: nothing says which is in force"
        yield later, field, message
    elif later.effective_from == earlier.effective_from:
        message = f"is {later.effective_from} in version {earlier.version} too"
        yield later, field, message
    elif later.version < earlier.version:
        since = earlier.effective_from or "always"
        message = f"is later than that of version {earlier.version} ({since})"
        yield later, field, message


def _differing(
    versions: Sequence[ProcessDefinition],
) -> Iterator[tuple[ProcessDefinition, str, str]]:
    types: dict[str, tuple[int, ObjectType]] = {}
    paths: dict[tuple[str, str], tuple[int, str]] = {}
    for version in versions:
        for name in sorted(version.object_types):
            here = version.objects.get(name, ObjectType())
            first, known = types.setdefault(name, (version.version, here))
            if known != here:
                message = f"is declared differently in version {first}; object types are global"
                yield version, f"objects.{name}", message
        for path in version.paths:
            pair = (path.from_type, path.to_type)
            since, cardinality = paths.setdefault(pair, (version.version, path.cardinality))
            if cardinality != path.cardinality:
                message = (
                    f"from {pair[0]} to {pair[1]} is {cardinality} in version {since}; links are"
                    " accepted once for all versions"
                )
                yield version, "paths.cardinality", message
