"""Links that wait for a decision, what supports each candidate, and the decisions themselves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from suture.clock import BEYOND, to_micros
from suture.contracts.links import DecisionAction, LinkKey, LinkState
from suture.contracts.objects import ObjectKey, quote_part
from suture.definitions.process import Cardinality, Path, ProcessDefinition
from suture.store.engine import Store
from suture.store.queries import load

_TO_ONCE = (Cardinality.ONE_TO_MANY, Cardinality.ONE_TO_ONE)
_FROM_ONCE = (Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_ONE)


WAITING = (LinkState.REFUSED, LinkState.UNSURE)
"""Why a pair waits for somebody: a blocked one does not, since somebody decided."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkEvidence:
    """One thing that supports a link; what is `unsure` names several objects and supports none."""

    kind: str
    source: str
    id: str
    occurred_at: datetime
    unsure: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A pair of objects with all that supports it; `state` is None where it is accepted."""

    key: LinkKey
    state: LinkState | None
    evidence: tuple[LinkEvidence, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AmbiguousLink:
    """A pair that is no link, with its rivals (itself first), and how many instances it touches."""

    key: LinkKey
    state: LinkState
    path: Path | None
    candidates: tuple[Candidate, ...]
    affected: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkDecision:
    """Something a person said about links; `undone_by` is who took it back, None where nobody."""

    id: str
    at: datetime
    actor: str
    action: DecisionAction
    process: str
    links: tuple[LinkKey, ...]
    undoes: str | None
    undone_by: str | None
    reason: str


End = tuple[str, Path, str]
"""A process, one of its paths, and an object at one of its ends."""


class _Rivals:
    """Candidates by the objects that they may have to share."""

    def __init__(self, reader: "LinkReader", every: Mapping[LinkKey, Candidate]) -> None:
        self._reader = reader
        self._every = every
        self._beside: dict[End, list[LinkKey]] = {}
        for key in sorted(every):
            for end in self._limited(key):
                self._beside.setdefault(end, []).append(key)

    def of(self, key: LinkKey) -> Iterator[Candidate]:
        """The pair itself, then those that share an object with it that may have one partner."""
        if key in self._every:
            yield self._every[key]
        others = {other for end in self._limited(key) for other in self._beside.get(end, ())}
        for other in sorted(others - {key}):
            yield self._every[other]

    def _limited(self, key: LinkKey) -> Iterator[End]:
        path = self._reader.path_of(key)
        if path is not None and path.cardinality in _TO_ONCE:
            yield key.process, path, f"to {key.to_object}"
        if path is not None and path.cardinality in _FROM_ONCE:
            yield key.process, path, f"from {key.from_object}"


class LinkReader:
    """Reads about links; safe to share between threads."""

    def __init__(self, store: Store, processes: Mapping[str, Sequence[ProcessDefinition]]) -> None:
        """By the paths of `processes`, of which each is given in all its versions."""
        self._store = store
        self._paths = {
            name: {(path.from_type, path.to_type): path for one in several for path in one.paths}
            for name, several in processes.items()
        }
        self._sql = load("reading_links")

    def ambiguous(
        self,
        *,
        environment: str,
        process: str | None = None,
        states: Sequence[LinkState] = WAITING,
        about: tuple[str, str] | None = None,
        limit: int,
        after: LinkKey | None = None,
    ) -> list[AmbiguousLink]:
        """At most `limit` pairs that are no link, by their keys, behind `after`.

        `about` is the type and the normalised id of an object at either end.
        """
        start = after or LinkKey(process="", from_object="", to_object="")
        filters, parameters = self._where(environment, process, about)
        parameters |= {
            "states": [state.value for state in states],
            "after_process": start.process,
            "after_from": start.from_object,
            "after_to": start.to_object,
            "limit": limit,
        }
        sql = self._sql["ambiguous"].replace("{{filters}}", filters)
        rows = self._store.rows(sql, parameters)
        found = [(_key(row), LinkState(row["state"])) for row in rows]
        candidates = _Rivals(self, self._candidates([key for key, _ in found]))
        affected = self._affected([key for key, _ in found])
        return [
            AmbiguousLink(
                key=key,
                state=state,
                path=self.path_of(key),
                candidates=tuple(candidates.of(key)),
                affected=affected.get(place, 0),
            )
            for place, (key, state) in enumerate(found, 1)
        ]

    def counts(
        self, *, environment: str, process: str | None = None, about: tuple[str, str] | None = None
    ) -> dict[LinkState, int]:
        """How many pairs are no link, by the reason; as in `ambiguous`."""
        filters, parameters = self._where(environment, process, about)
        sql = self._sql["counts"].replace("{{filters}}", filters)
        found = {row["state"]: int(row["found"]) for row in self._store.rows(sql, parameters)}
        return {state: found.get(state.value, 0) for state in LinkState}

    def _where(
        self, environment: str, process: str | None, about: tuple[str, str] | None
    ) -> tuple[str, dict[str, Any]]:
        parameters: dict[str, Any] = {
            "processes": [process] if process else sorted(self._paths),
            "environment": f"{quote_part(environment)}|",
        }
        if about is None:
            return "", parameters
        type_, id_ = about
        prefix = f"{quote_part(environment)}|{quote_part(type_)}|"
        parameters |= {"object_prefix": prefix, "object_id": id_}
        return self._sql["filter_object"], parameters

    def among(
        self, process: str, objects: Sequence[ObjectKey], *, limit: int
    ) -> list[tuple[LinkKey, LinkState]]:
        """At most `limit` pairs that are no link and begin or end at some objects, and why."""
        parameters = {
            "process": process,
            "objects": [key.encode() for key in objects],
            "limit": limit,
        }
        rows = self._store.rows(self._sql["among"], parameters)
        return [(_key(row), LinkState(row["state"])) for row in rows]

    def bearing(self, key: LinkKey, *, limit: int) -> list[ObjectKey]:
        """Anchors of the instances that reach either end of a pair, at most `limit`."""
        parameters = {
            "environment": ObjectKey.decode(key.from_object).environment,
            "process": key.process,
            "objects": [key.from_object, key.to_object],
            "limit": limit,
        }
        rows = self._store.rows(self._sql["bearing"], parameters)
        return [ObjectKey.decode(row["anchor"]) for row in rows]

    def candidate(self, key: LinkKey) -> tuple[Candidate | None, list[Candidate]]:
        """A pair, None where nothing names it, and those it shares a limited object with."""
        candidates = self._candidates([key])
        own = candidates.get(key)
        return own, [one for one in _Rivals(self, candidates).of(key) if one.key != key]

    def pairs_beside(self, key: LinkKey, *, side: str) -> list[LinkKey]:
        """All pairs that share the object at `side` (from, to) with `key`, on the same path."""
        here, there = key.from_object, key.to_object
        if side == "to":
            here, there = there, here
        parameters = {"process": key.process, "object": here, "prefix": _prefix(there)}
        rows = self._store.rows(self._sql[f"pairs_{side}"], parameters)
        return [_key({**row, "process": key.process}) for row in rows]

    def decisions(
        self,
        *,
        environment: str,
        process: str | None = None,
        limit: int,
        before: tuple[datetime, str] | None = None,
    ) -> list[LinkDecision]:
        """At most `limit` decisions, latest first, before a position."""
        at, id_ = before or (BEYOND, "")
        parameters = {
            "environment": environment,
            "process": process or "",
            "before_at": to_micros(at),
            "before_id": id_,
            "limit": limit,
        }
        return [_decision(row) for row in self._store.rows(self._sql["decisions"], parameters)]

    def decisions_about(self, key: LinkKey) -> list[LinkDecision]:
        """What was ever decided about one pair, in its order, what took something back too."""
        parameters = {
            "process": key.process,
            "from_object": key.from_object,
            "to_object": key.to_object,
        }
        rows = self._store.rows(self._sql["decisions_about"], parameters)
        return [one for one in map(_decision, rows) if key in one.links]

    def path_of(self, key: LinkKey) -> Path | None:
        """The path that a pair lies on, where any version of its process declares one."""
        ends = (ObjectKey.decode(key.from_object).type, ObjectKey.decode(key.to_object).type)
        return self._paths.get(key.process, {}).get(ends)

    def _candidates(self, keys: Sequence[LinkKey]) -> dict[LinkKey, Candidate]:
        """All pairs that begin or end where `keys` do."""
        if not keys:
            return {}
        parameters = {
            "processes": sorted({key.process for key in keys}),
            "froms": sorted({key.from_object for key in keys}),
            "tos": sorted({key.to_object for key in keys}),
        }
        evidence: dict[LinkKey, list[LinkEvidence]] = {}
        for row in self._store.rows(self._sql["evidence"], parameters):
            one = LinkEvidence(
                kind=row["kind"],
                source=row["source"],
                id=row["id"],
                occurred_at=row["occurred_at"],
                unsure=bool(row["unsure"]),
            )
            evidence.setdefault(_key(row), []).append(one)
        parameters["froms"] = sorted({key.from_object for key in (*evidence, *keys)})
        states = {
            _key(row): LinkState(row["state"])
            for row in self._store.rows(self._sql["states"], parameters)
        }
        return {
            key: Candidate(key=key, state=states.get(key), evidence=tuple(evidence.get(key, ())))
            for key in dict.fromkeys([*evidence, *keys])
            if key in evidence or key in states
        }

    def _affected(self, keys: Sequence[LinkKey]) -> dict[int, int]:
        if not keys:
            return {}
        parameters = {
            "processes": [key.process for key in keys],
            "froms": [key.from_object for key in keys],
            "tos": [key.to_object for key in keys],
        }
        rows = self._store.rows(self._sql["affected"], parameters)
        return {int(row["place"]): int(row["anchors"]) for row in rows}


def _key(row: Mapping[str, Any]) -> LinkKey:
    return LinkKey(
        process=row["process"], from_object=row["from_object"], to_object=row["to_object"]
    )


def _prefix(text: str) -> str:
    key = ObjectKey.decode(text)
    return f"{quote_part(key.environment)}|{quote_part(key.type)}|"


def _decision(row: Mapping[str, Any]) -> LinkDecision:
    pairs = zip(row["from_objects"], row["to_objects"], strict=True)
    links = tuple(LinkKey(process=row["process"], from_object=x, to_object=y) for x, y in pairs)
    return LinkDecision(
        id=row["id"],
        at=row["at"],
        actor=row["actor"],
        action=DecisionAction(row["action"]),
        process=row["process"],
        links=links,
        undoes=row["undoes"] or None,
        undone_by=row["undone_by"] or None,
        reason=row["reason"],
    )
