"""Reasons of verdicts and alerts as the pages tell them.

Pure. A stored reason names milestones by their ids and instants in UTC, since programs and files
hold it too; on a page a milestone has its title, and an instant is in the reader's zone.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?) UTC")
_BEFORE = r"(?:^|(?<=\bwaiting for )|(?<=\bafter )|(?<=\bwithout ))"
_BEHIND = r"(?= since | came | is not reached |, |$)"


def named(reason: str, titles: Mapping[str, str]) -> str:
    """The reason as a sentence, with milestones by their titles where it speaks of milestones."""
    names = "|".join(re.escape(name) for name in sorted(titles, key=len, reverse=True))
    if names:
        reason = re.sub(f"{_BEFORE}({names}){_BEHIND}", lambda found: titles[found[1]], reason)
    return reason[:1].upper() + reason[1:]


def parts(reason: str) -> list[str | datetime]:
    """The reason as texts and the instants between them; what is no instant stays as it is."""
    found: list[str | datetime] = []
    for index, part in enumerate(_INSTANT.split(reason)):
        found.append(_instant(part) if index % 2 else part)
    return [part for part in found if part]


def _instant(text: str) -> str | datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return f"{text} UTC"
