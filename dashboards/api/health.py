"""Whether this process runs, whether it can answer, and its numbers for Prometheus."""

from collections.abc import Iterator
from typing import Literal

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dashboards.api.problems import documented, problem
from dashboards.api.shapes import Shape
from dashboards.progress import progress_of
from dashboards.services import Services
from suture.errors import SutureError

log = structlog.get_logger(__name__)


class Health(Shape):
    """The process runs."""

    status: Literal["ok"]


def router(services: Services) -> APIRouter:
    """Calls for load balancers and monitoring; the first two need no key."""
    api = APIRouter(tags=["health"])
    own = CollectorRegistry()
    own.register(_StageNumbers(services))

    @api.get("/healthz")
    async def healthz() -> Health:
        """Whether the process runs."""
        return Health(status="ok")

    @api.get("/readyz", responses=documented(503), response_model=Health)
    def readyz(request: Request) -> Response:
        """Whether the store answers."""
        try:
            services.status.answers()
        except SutureError as error:
            return problem(request, 503, error.message, headers={"Retry-After": "1"})
        return JSONResponse({"status": "ok"})

    @api.get("/metrics", response_class=Response, responses=documented(401))
    def metrics() -> Response:
        """Prometheus metrics of this process, and what waits at each stage."""
        return Response(
            generate_latest(REGISTRY) + generate_latest(own), media_type=CONTENT_TYPE_LATEST
        )

    return api


class _StageNumbers(Collector):
    """What waits, asked at the moment of the scrape."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance, so that registering asks nobody."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """One gauge per question; none where the store does not answer."""
        try:
            progress = progress_of(self._services)
        except SutureError as error:
            log.warning("stage metrics not available", error=error.message)
            return
        now = self._services.now()
        waiting = GaugeMetricFamily(
            "suture_stage_waiting", "What waits before a stage.", labels=["stage", "unit"]
        )
        lag = GaugeMetricFamily(
            "suture_stage_lag_seconds", "How long the oldest has waited.", labels=["stage"]
        )
        for stage in progress.stages:
            waiting.add_metric([stage.stage, stage.unit], stage.waiting)
            lag.add_metric([stage.stage], stage.lag_seconds(now))
        yield waiting
        yield lag
        yield GaugeMetricFamily(
            "suture_spool_bytes", "Bytes in the spool.", value=progress.collector.spool_bytes
        )
        yield GaugeMetricFamily(
            "suture_settled",
            "1 when nothing acknowledged waits.",
            value=float(progress.settled),
        )
