"""From rows of cells to events that are checked: what a mapping says, a chunk at a time.

Pure: what is wrong with an event goes to the report, and nothing else is lost for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from collector.files.identity import Tally, event_id
from collector.files.mapping import LogMapping
from collector.files.object_rules import ObjectRule
from collector.files.rows import BadRow, Cells, Objects, RawEvents, ReadReport, Rows
from collector.files.times import TimeReader, time_text
from suture.contracts.milestone import Outcome, overlong_event, overlong_object
from suture.contracts.objects import quote_part

_OUTCOMES = frozenset(outcome.value for outcome in Outcome)

Cell = TypeVar("Cell")
Value = TypeVar("Value")


@dataclass(kw_only=True, slots=True)
class CheckedEvents:
    """A chunk of events with everything worked out, by column; `kept` indexes the good ones.

    `instants` are microseconds since 1970, or the reason why there are none; `sequences` likewise.
    `overlong` are reasons too, empty for nearly all.
    A name is None where the event has none, or where the mapping leaves it out.
    """

    raw: RawEvents
    ids: Cells
    names: Cells
    instants: list[int | str]
    outcomes: list[str]
    sequences: list[int | str]
    overlong: list[str]
    kept: list[int]


def project(rows: Rows, mapping: LogMapping) -> RawEvents:
    """What the mapping's columns hold, as raw events."""
    columns = rows.columns
    missing: Cells = [None] * len(rows.positions)

    def cells(column: str | None) -> Cells | None:
        return None if column is None else columns[column]

    return RawEvents(
        positions=rows.positions,
        cases=cells(mapping.case.column),
        ids=cells(mapping.id.column),
        names=cells(mapping.milestone.column) or missing,
        times=cells(mapping.time.column) or missing,
        objects=_objects(rows, mapping),
        attributes={name: columns[column] for name, column in (mapping.attributes or {}).items()},
        outcomes=cells(mapping.outcome.column),
        reasons=cells(mapping.reason.column),
        sequences=cells(mapping.sequence.column),
    )


def _objects(rows: Rows, mapping: LogMapping) -> list[Objects]:
    found: list[Objects] = []
    for rule in mapping.objects:
        here = _each(rows.columns[rule.column], partial(_objects_of, rule))
        found = [one + other for one, other in zip(found, here, strict=True)] if found else here
    # The same object may be named twice, by one rule or by two.
    return _each(found, lambda pairs: tuple(dict.fromkeys(pairs)))


def _objects_of(rule: ObjectRule, cell: str | None) -> Objects:
    return tuple(rule.objects(cell)) if cell else ()


class Shaper:
    """Checks one log's raw events. Chunks come in the file's order, each once.

    Events without an identity of their own keep the order of their case's equal times by
    `sequence`, the ordinal among those; that, rather than a number over the whole case, so that a
    later export of the same log with an event more gives the others the content they had. That
    ordinal and the one in an event's id count refused events too, so that a corrected file changes
    nothing else.
    """

    def __init__(self, mapping: LogMapping, *, times: TimeReader, report: ReadReport) -> None:
        """Apply `mapping`; refusals and counts go to `report`."""
        self._mapping = mapping
        self._report = report
        self._times = times
        self._same_time = Tally()
        self._same_event = Tally()

    def check(self, raw: RawEvents) -> CheckedEvents:
        """The chunk with times, names and identities; what is wrong with any is reported."""
        count = len(raw.positions)
        instants = _each(raw.times, self._instant)
        names = _each(raw.names, self._name)
        cases = raw.cases or [""] * count
        ids = _each(raw.ids, _or_none) if raw.ids else self._identities(cases, names, instants)
        events = CheckedEvents(
            raw=raw,
            ids=ids,
            names=names,
            instants=instants,
            outcomes=_each(raw.outcomes, self._outcome)
            if raw.outcomes
            else [Outcome.OK.value] * count,
            sequences=self._sequences(raw, cases, instants),
            overlong=[
                fault or overlong_event(id_ or "", name or "")
                for fault, id_, name in zip(
                    _each(raw.objects, overlong_object), ids, names, strict=True
                )
            ],
            kept=[],
        )
        self._sift(events)
        self._report.read += count
        return events

    def _instant(self, text: str | None) -> int | str:
        if text is None:
            return "the time is missing"
        try:
            return self._times.micros(text)
        except ValueError as error:
            return str(error)

    def _name(self, text: str | None) -> str | None:
        rule = self._mapping.milestone
        name = _or_none(text)
        return rule.names.get(name, None if rule.only_mapped else name) if name else None

    def _outcome(self, text: str | None) -> str:
        names = self._mapping.outcome.names
        return names[text].value if text in names else text or Outcome.OK.value

    def _sequences(
        self, raw: RawEvents, cases: Cells, instants: list[int | str]
    ) -> list[int | str]:
        if raw.sequences is not None:
            return _each(raw.sequences, _whole_number)
        if raw.ids is not None:
            # Such an event may stand anywhere, and twice, in a file or in several.
            return [0] * len(instants)
        ordinals: list[int | str] = self._same_time.ordinals(
            zip(cases, instants, strict=True)
        ).tolist()
        return ordinals

    def _identities(self, cases: Cells, names: Cells, instants: list[int | str]) -> Cells:
        ordinals = self._same_event.ordinals(zip(cases, names, instants, strict=True)).tolist()
        times = _each(instants, lambda micros: time_text(micros) if isinstance(micros, int) else "")
        columns = (_each(cases, _quoted), _each(names, _quoted), times, ordinals)
        return [
            event_id(case, name, time, ordinal) if case and name and time else None
            for case, name, time, ordinal in zip(*columns, strict=True)
        ]

    def _sift(self, events: CheckedEvents) -> None:
        raw, kept = events.raw, events.kept
        columns = (events.ids, events.names, raw.objects, events.outcomes)
        others = (events.instants, events.sequences, events.overlong)
        for index, (id_, name, objects, outcome, instant, sequence, overlong) in enumerate(
            zip(*columns, *others, strict=True)
        ):
            readable = isinstance(instant, int) and isinstance(sequence, int) and not overlong
            if id_ and name and objects and readable and outcome in _OUTCOMES:
                kept.append(index)
            elif name is None and (raw.names[index] or "").strip():
                self._report.skipped += 1
            else:
                reason = _reason(events, index)
                self._report.refuse([BadRow(position=raw.positions[index], reason=reason)])


def _reason(events: CheckedEvents, index: int) -> str:
    raw, instant = events.raw, events.instants[index]
    case = raw.cases[index] if raw.cases else None
    where = f"case {case}: " if case else ""
    if raw.cases is not None and raw.ids is None and not case:
        return "the case is missing"
    if raw.ids is not None and events.ids[index] is None:
        return f"{where}the id is missing"
    if events.names[index] is None:
        return f"{where}the milestone is missing"
    if overlong := events.overlong[index]:
        return overlong
    if isinstance(instant, str):
        return where + instant
    if not raw.objects[index]:
        return f"{where}it names no object"
    if isinstance(sequence := events.sequences[index], str):
        return where + sequence
    allowed = ", ".join(outcome.value for outcome in Outcome)
    return f"{where}outcome {events.outcomes[index]!r} is none of {allowed}"


def _whole_number(text: str | None) -> int | str:
    try:
        number = int(text or "0")
    except ValueError:
        return f"sequence {text!r} is not a whole number"
    return number if -(2**63) <= number < 2**63 else f"sequence {text!r} is too large"


def _or_none(text: str | None) -> str | None:
    return text if text and text.strip() else None


def _quoted(text: str | None) -> str:
    return quote_part(text or "")


def _each(cells: Sequence[Cell], convert: Callable[[Cell], Value]) -> list[Value]:
    """`convert` of every cell, worked out once for equal ones: the cells of a log repeat."""
    known = {cell: convert(cell) for cell in set(cells)}
    return list(map(known.__getitem__, cells))
