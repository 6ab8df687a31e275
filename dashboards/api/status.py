"""Status: what still waits at which stage, and who was heard from when."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from dashboards.api.parameters import Parameters
from dashboards.api.problems import documented
from dashboards.api.shapes import Shape
from dashboards.progress import progress_of
from dashboards.services import Services


class StageShape(Shape):
    """One stage: what waits before it, and since when."""

    stage: str
    waiting: int = Field(description="What waits: records, events and spans, or instances.")
    unit: str
    waiting_since: datetime | None
    lag_seconds: float = Field(description="How long the oldest has waited; 0 where nothing does.")
    moved_at: datetime | None = Field(description="When the stage last moved on.")


class SpoolShape(Shape):
    """What was accepted and is not loaded yet."""

    records: int
    bytes: int
    max_bytes: int


class SourceShape(Shape):
    """Someone heard from. `kind` is events, spans, logs or metrics; a service is its name."""

    source: str
    kind: str
    system: str | None
    last_event_at: datetime
    last_seen_at: datetime


class StatusShape(Shape):
    """Where the platform stands."""

    settled: bool = Field(
        description="True when nothing acknowledged still waits to be stitched and judged."
    )
    now: datetime
    environment: str
    stages: list[StageShape]
    spool: SpoolShape
    sources: list[SourceShape]


def router(services: Services) -> APIRouter:
    """The call about the platform itself."""
    api = APIRouter(tags=["status"])

    @api.get("/status", responses=documented(400, 401))
    def status(query: Annotated[Parameters, Query()]) -> StatusShape:
        """Lag per stage, the spool, the sources."""
        environment, now = services.environment(query.environment), services.now()
        progress = progress_of(services)
        sources = services.sources.sources(environment=environment)
        systems = services.catalog.service_systems
        return StatusShape(
            settled=progress.settled,
            now=now,
            environment=environment,
            stages=[
                StageShape(
                    stage=stage.stage,
                    waiting=stage.waiting,
                    unit=stage.unit,
                    waiting_since=stage.since,
                    lag_seconds=stage.lag_seconds(now),
                    moved_at=stage.moved_at,
                )
                for stage in progress.stages
            ],
            spool=SpoolShape(
                records=progress.collector.spool_records,
                bytes=progress.collector.spool_bytes,
                max_bytes=progress.collector.spool_max_bytes,
            ),
            sources=[
                SourceShape(
                    source=one.source,
                    kind=one.kind,
                    system=one.system or systems.get(one.source),
                    last_event_at=one.last_heard_at,
                    last_seen_at=one.last_seen_at,
                )
                for one in sources
            ],
        )

    return api
