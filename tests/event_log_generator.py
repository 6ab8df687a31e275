"""Event logs with all that real ones do to a reader, made from a seed. Imports no product code.

Half of the events of the case logs share case, name and time with another one; times are of 1948
and 2020, before and after each other, with and without fractions and offsets; attributes are
missing, huge, nested, or full of the characters that formats are made of.
"""

import csv
import json
import random
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from xml.sax.saxutils import quoteattr

from event_log_oracle import LogEvent

NAMES = ("Record Goods Receipt", "Clear Invoice", "SRM: In Transfer, Syst.", "a|b%c", "Ünïcode ✓")
AWKWARD = (
    'a "quoted", cell',
    "line one\nline two",
    "<tag> & entity",
    "semi;colon\ttab",
    "|%7C|",
    "ß€✓",
)
HUGE = "x" * 1_500_000
NESTED_LIST = """<list key="orders"><values>
    <string key="order" value="P-1"/><string key="order" value="P-2"/>
</values></list>"""
NESTED_CONTAINER = """<container key="site">
    <string key="id" value="mercy-west"><int key="rank" value="3"/></string>
</container>"""
ATTRIBUTES = ("department", "comment", "amount")


def case_log(seed: int, *, cases: int = 150, huge: bool = True) -> list[LogEvent]:
    """Events of `cases` cases, each case's together, in the order they are written in a file."""
    chance = random.Random(seed)
    events = []
    for number in range(cases):
        case = f"{4_500_000_000 + number // 3}_{number:05d}"
        for _ in range(chance.randint(1, 12)):
            time = _time(chance)
            # Equal ones in a row, as when a goods receipt is booked line by line.
            usual = chance.choice(NAMES)
            for _ in range(chance.choice((1, 1, 2, 4))):
                name = usual if chance.random() < 0.9 else chance.choice(NAMES)
                events.append(LogEvent(case=case, name=name, time=time, attributes=_cells(chance)))
    if huge:
        last = events[-1]
        cells = {**last.attributes, "comment": HUGE}
        events[-1] = LogEvent(case=last.case, name=last.name, time=last.time, attributes=cells)
    return events


def _time(chance: random.Random) -> datetime:
    year = chance.choice((1948, 1969, 1970, 2001, 2018, 2018, 2019, 2020))
    micros = chance.choice((0, 0, 0, 1, 120_000, 999_999))
    day = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(365))
    return day + timedelta(minutes=chance.randrange(1440), microseconds=micros)


def _cells(chance: random.Random) -> dict[str, str]:
    cells = {"department": chance.choice(("OR-3", "ICU", *AWKWARD))}
    cells |= {"comment": chance.choice(AWKWARD)} if chance.random() < 0.5 else {}
    return cells | ({"amount": f"{chance.random() * 1e6:.2f}"} if chance.random() < 0.7 else {})


def _spelled(time: datetime, chance: random.Random) -> str:
    """A time as some system would write it: any offset, Z, with or without a fraction."""
    offset = timezone(timedelta(minutes=chance.choice((0, 0, 60, -300, 330, 765))))
    text = time.astimezone(offset).isoformat()
    return text.replace("+00:00", "Z") if chance.random() < 0.5 else text


def write_xes(
    events: Iterable[LogEvent], path: Path, *, seed: int = 0, namespace: bool = True
) -> None:
    """Write a case log as XES: with extensions, globals, nested attributes and empty traces."""
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        xmlns = ' xmlns="http://www.xes-standard.org/"' if namespace else ""
        file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0"{xmlns}>\n')
        file.write(
            '<extension name="Concept" prefix="concept" uri="http://example.org/c.xesext"/>\n'
        )
        file.write('<global scope="event"><string key="concept:name" value="name"/></global>\n')
        file.write('<string key="concept:name" value="a log"/>\n<trace/>\n')
        for case, members in _traces(events, chance):
            file.write(f'<trace><string key="concept:name" value={quoteattr(case)}/>\n')
            file.write(
                '<string key="owner" value="team"><string key="since" value="2017"/></string>'
            )
            for event in members:
                file.write(_xes_event(event, chance))
            file.write("</trace>\n")
        file.write("</log>\n")


def _traces(
    events: Iterable[LogEvent], chance: random.Random
) -> Iterable[tuple[str, list[LogEvent]]]:
    """Runs of one case; now and then one is cut in two traces of the same name."""
    run: list[LogEvent] = []
    for event in events:
        if run and (run[0].case != event.case or chance.random() < 0.02):
            yield run[0].case, run
            run = []
        run.append(event)
    if run:
        yield run[0].case, run


def _xes_event(event: LogEvent, chance: random.Random) -> str:
    lines = [
        f'<string key="concept:name" value={quoteattr(event.name)}/>',
        f'<date key="time:timestamp" value="{_spelled(event.time, chance)}"/>',
        *(_xes_attribute(key, value) for key, value in event.attributes.items()),
        NESTED_LIST,
        NESTED_CONTAINER,
    ]
    chance.shuffle(lines)
    return f"<event>{''.join(lines)}</event>\n"


def _xes_attribute(key: str, value: str) -> str:
    tag = "float" if key == "amount" else "string"
    return f"<{tag} key={quoteattr(key)} value={_quoted(value)}/>"


def _quoted(value: str) -> str:
    # Newlines in XML attributes are spaces unless written as references.
    return quoteattr(value, {"\n": "&#10;", "\t": "&#9;"})


def write_csv(
    events: Iterable[LogEvent], path: Path, *, seed: int = 0, bom: bool = True, delimiter: str = ","
) -> None:
    """Write a case log as CSV with the columns case, activity, when and the attributes."""
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
        rows = csv.writer(file, delimiter=delimiter)
        rows.writerow(["case", "activity", "when", *ATTRIBUTES])
        for event in events:
            cells = [event.attributes.get(name, "") for name in ATTRIBUTES]
            rows.writerow([event.case, event.name, _spelled(event.time, chance), *cells])


def write_ocel(path: Path, *, seed: int = 0, requisitions: int = 1000, first: int = 0) -> None:
    """Write an OCEL 2.0 log of requisitions with shared orders and partial invoices.

    An order serves one to four requisitions, is invoiced in one to three parts, and a payment
    settles one or two invoices. Some requisitions are never ordered, some orders never invoiced,
    some invoices never paid; some orders come from no requisition. Ids count from `first`.
    """
    path.write_text(
        json.dumps(_Purchasing(seed, requisitions, first).log(), indent=1), encoding="utf-8"
    )


class _Purchasing:
    """A purchasing department at work."""

    def __init__(self, seed: int, requisitions: int, first: int) -> None:
        self._chance, self._first = random.Random(seed), first
        self._objects: dict[str, tuple[str, list[str]]] = {}
        self._events: list[dict[str, object]] = []
        waiting = [self._new("Purchase Requisition", "PR", n) for n in range(requisitions)]
        orders = 0
        while waiting:
            served = [waiting.pop() for _ in range(min(len(waiting), self._chance.randint(1, 4)))]
            self._requisitions(served)
            if self._chance.random() < 0.95:
                self._order(orders, served)
                orders += 1
        for stray in range(orders, orders + 5):
            self._order(stray, [])

    def log(self) -> dict[str, object]:
        types = sorted({type_ for type_, _ in self._objects.values()})
        names = sorted({str(event["type"]) for event in self._events})
        self._chance.shuffle(self._events)
        return {
            "objectTypes": [{"name": type_, "attributes": []} for type_ in types],
            "eventTypes": [
                {"name": name, "attributes": [{"name": "clerk", "type": "string"}]}
                for name in names
            ],
            "events": self._events,
            "objects": [
                {
                    "id": id_,
                    "type": type_,
                    "attributes": [{"name": "n", "time": "1970-01-01T00:00:00Z", "value": 1}],
                    "relationships": [{"objectId": o, "qualifier": "leads to"} for o in related],
                }
                for id_, (type_, related) in self._objects.items()
            ],
        }

    def _requisitions(self, served: Sequence[str]) -> None:
        self._now = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(hours=self._chance.randrange(8000))
        for requisition in served:
            self._happens("Create Purchase Requisition", requisition)
            if self._chance.random() < 0.9:
                self._happens("Approve Purchase Requisition", requisition)

    def _order(self, number: int, served: Sequence[str]) -> None:
        self._now = getattr(self, "_now", datetime(2022, 1, 1, tzinfo=UTC))
        order = self._new("Purchase Order", "PO", number)
        for requisition in served:
            self._objects[requisition][1].append(order)
        self._happens("Create Purchase Order", *served, order)
        invoices = []
        for part in range(self._chance.choice((0, 1, 1, 2, 3))):
            invoices.append(self._new("Invoice", "R", number * 10 + part))
            self._happens("Insert Invoice", order, invoices[-1])
        if self._chance.random() < 0.3:
            self._happens("Change PO Quantity", order)
        while invoices and self._chance.random() < 0.9:
            settled = [
                invoices.pop() for _ in range(min(len(invoices), self._chance.randint(1, 2)))
            ]
            payment = self._new("Payment", "P", int(settled[0][1:]) - self._first)
            self._happens("Insert Payment", *settled, payment)

    def _new(self, type_: str, prefix: str, number: int) -> str:
        id_ = f"{prefix}{self._first + number}"
        self._objects[id_] = (type_, [])
        return id_

    def _happens(self, name: str, *objects: str) -> None:
        self._now += timedelta(minutes=self._chance.choice((0, 0, 7, 90, 4000)))
        self._events.append(
            {
                "id": f"e{self._first + len(self._events)}",
                "type": name,
                "time": _spelled(self._now, self._chance),
                "attributes": [{"name": "clerk", "value": self._chance.choice(("Mike", "Tania"))}],
                "relationships": [{"objectId": o, "qualifier": "about"} for o in objects],
            }
        )


def shuffled_cases(events: Collection[LogEvent], seed: int) -> list[LogEvent]:
    """The same log with its cases in another order; each case's events keep theirs."""
    cases: dict[str, list[LogEvent]] = {}
    for event in events:
        cases.setdefault(event.case, []).append(event)
    order = list(cases.values())
    random.Random(seed).shuffle(order)
    return [event for members in order for event in members]


def interleaved(events: Collection[LogEvent], seed: int) -> list[LogEvent]:
    """The same log with the rows of different cases mixed; each case's events keep their order."""
    cases: dict[str, list[LogEvent]] = {}
    for event in events:
        cases.setdefault(event.case, []).append(event)
    queues = [list(reversed(members)) for members in cases.values()]
    chance = random.Random(seed)
    mixed = []
    while queues:
        chosen = chance.randrange(len(queues))
        mixed.append(queues[chosen].pop())
        if not queues[chosen]:
            queues.pop(chosen)
    return mixed
