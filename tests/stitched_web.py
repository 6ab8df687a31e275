"""The web port over a store that takes milestones and stitches them when it is told to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi.testclient import TestClient

from correlator.job import Correlator
from dashboards.app import create_web
from dashboards.services import CollectorStatus
from suture.clock import ManualClock
from suture.contracts.milestone import Milestone
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog
from suture.settings import Settings
from suture.store.engine import Store
from suture.store.facts import finish_segment, milestone_table, new_stream


class StitchedWeb:
    """`correlator` is one that goes on, as in a platform; `client` asks the web port."""

    def __init__(self, store: Store, catalog: Catalog, now: datetime) -> None:
        self.store, self.clock = store, ManualClock(now)
        self.correlator = Correlator(store, catalog)
        self._stream, self._segments = new_stream(), 0
        web = create_web(
            store,
            catalog,
            Settings(),
            self.clock,
            status_source=CollectorStatus,
            payload_reader=lambda _: None,
        )
        self.client = TestClient(web, base_url="http://127.0.0.1:8050")

    def load(self, rows: Sequence[Milestone], at: datetime) -> None:
        """Load a segment that arrived at some time."""
        self._segments += 1
        number = segment_number(self._stream, self._segments)
        table = milestone_table(list(rows), segment=number, recorded_at=at)
        self.store.insert_arrow("milestones", table)
        finish_segment(
            self.store, segment=number, signal=Signal.MILESTONES, rows=len(rows), finished_at=at
        )

    def get(self, path: str, *, answered: int = 200, **query: Any) -> Any:
        """The JSON that the API gives for a path below /api/v1."""
        given = {name: value for name, value in query.items() if value is not None}
        answer = self.client.get(f"/api/v1{path}", params=given)
        assert answer.status_code == answered, answer.text
        return answer.json()
