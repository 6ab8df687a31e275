"""Ticks of the time axis in a browser of a zone: they stand where the calendar of that zone does.

The axis is drawn alone on an empty page, with a milestone at every boundary that is expected, so
that a tick is right where it stands above one.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page
from scripted_page import scripted

SCRIPTS = ("30-suture.js", "45-calendar.js", "50-timeline.js", "52-timeline-parts.js")
ZONES = ("America/New_York", "Europe/Berlin")
YEAR, MONTH, DAY, HOUR = "%Y", "%b %Y", "%b %-d", "%b %-d %-I:%M %p"

_DRAW = """([from, to, milestones]) => suture.timeline.show(document.getElementById("axis"), {
    of: "test", base: from, range: [0, to - from], open: false, single: false, note: "",
    milestones: milestones.map(at => [at - from, "", "info", "", "", ""]),
    marks: [], services: [], traces: [], spans: []
})"""
_TICKS = """[...document.querySelectorAll(".tl-axis text:not(.corner)")].map(text => [
    text.textContent.replace(/\\u202f/g, " "), Number(text.previousSibling.getAttribute("x1"))
])"""
_PLACES = """[...document.querySelectorAll(".tl-miles circle")].map(
    circle => Number(circle.getAttribute("cx")))"""


def drawn(
    page: Page, seen: tuple[datetime, datetime], expected: list[datetime]
) -> tuple[list[tuple[str, float]], list[float]]:
    """The ticks as [label, place] and the places of milestones at the expected boundaries."""
    from_, to, *rest = (at.timestamp() * 1000 for at in (*seen, *expected))
    page.evaluate(_DRAW, [from_, to, rest])
    page.wait_for_selector(".tl-axis text:not(.corner)")
    return [tuple(tick) for tick in page.evaluate(_TICKS)], page.evaluate(_PLACES)


def local(zone: str, *fields: tuple[int, int, int]) -> list[datetime]:
    """The beginnings of days by the clock of a zone."""
    return [datetime(*one, tzinfo=ZoneInfo(zone)) for one in fields]


YEARS = ((2015, 3, 2), (2023, 2, 5), [(year, 1, 1) for year in range(2016, 2024)], YEAR)
DECADES = ((1948, 5, 1), (2021, 5, 1), [(year, 1, 1) for year in range(1950, 2021, 10)], YEAR)
QUARTERS = (
    (2018, 2, 10),
    (2019, 11, 30),
    [(2018, 4, 1), (2018, 7, 1), (2018, 10, 1)] + [(2019, month, 1) for month in (1, 4, 7, 10)],
    MONTH,
)
MONTHS = (
    (2018, 8, 20),
    (2019, 5, 11),
    [(2018, month, 1) for month in (9, 10, 11, 12)]
    + [(2019, month, 1) for month in (1, 2, 3, 4, 5)],
    MONTH,
)
MONDAYS = (
    (2019, 3, 6),
    (2019, 4, 13),
    [(2019, 3, 11), (2019, 3, 18), (2019, 3, 25), (2019, 4, 1), (2019, 4, 8)],
    DAY,
)


@pytest.mark.parametrize("zone", ZONES)
def test_years_months_and_weeks_begin_where_the_calendar_begins_them(
    browser: Browser, zone: str
) -> None:
    with scripted(browser, SCRIPTS, zone=zone) as page:
        for start, end, boundaries, written in (YEARS, DECADES, QUARTERS, MONTHS, MONDAYS):
            seen, expected = local(zone, start, end), local(zone, *boundaries)
            ticks, places = drawn(page, (seen[0], seen[1]), expected)
            assert [text for text, _ in ticks] == [at.strftime(written) for at in expected]
            assert [place for _, place in ticks] == pytest.approx(places)


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("America/New_York", (2019, 3, 8)),
        ("America/New_York", (2019, 11, 1)),
        ("Europe/Berlin", (2019, 3, 29)),
        ("Europe/Berlin", (2019, 10, 25)),
    ],
)
def test_days_and_hours_are_those_of_the_clock_when_it_is_changed(
    browser: Browser, zone: str, first: tuple[int, int, int]
) -> None:
    # The clock is changed in the night to the Sunday, two days later; adding days is done on it.
    days = [local(zone, first)[0] + timedelta(days=i) for i in range(10)]
    with scripted(browser, SCRIPTS, zone=zone) as page:
        ticks, places = drawn(page, (days[0].replace(hour=9), days[9].replace(hour=9)), days[1:])
        assert [text for text, _ in ticks] == [at.strftime(DAY) for at in days[1:]]
        assert [place for _, place in ticks] == pytest.approx(places)

        hours = [at.replace(hour=hour) for at in days[2:4] for hour in (0, 6, 12, 18)]
        ticks, places = drawn(page, (days[1].replace(hour=22), days[3].replace(hour=20)), hours)
        assert [place for _, place in ticks] == pytest.approx(places)
        written = [at.strftime(HOUR if at.hour == 0 else "%-I:%M %p") for at in hours]
        assert [text for text, _ in ticks] == written
