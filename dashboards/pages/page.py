"""What a page is: a title, a part that stays while it is open, a part that goes with the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboards.routes import Place
from dashboards.services import Services


@dataclass(frozen=True, kw_only=True)
class View:
    """Who looks at what: the services, the place, and the instant everything is shown as of."""

    services: Services
    place: Place
    now: datetime

    @property
    def environment(self) -> str:
        """The environment shown: of the address, else the installation's own."""
        return self.services.environment(self.place.query.get("environment"))

    def asked(self, name: str) -> str | None:
        """A parameter of the address, None where it is missing or empty."""
        return self.place.query.get(name) or None


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page. `head` and `tail` are made once per address, `live` between at every tick."""

    title: str
    live: Sequence[Any]
    head: Sequence[Any] = ()
    tail: Sequence[Any] = ()
