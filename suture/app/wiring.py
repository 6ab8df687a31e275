"""The composition root: builds the stages in flow order, and stops them so that nothing is left.

    doors (a process of their own)  ->  spool  ->  loader  ->  store
    store  ->  correlator  ->  sla_rules  ->  alerting          one chain of ticks
    store  ->  coverage                                         what sources sent, and their clocks
    store  ->  dashboards

The doors start before the store is opened: they take requests whatever the store does, and no
process is forked once the embedded engine runs. On the way down the flow is followed, not reversed:
the doors close, the spool is loaded, a last chain of ticks works in what was loaded, and then the
pages and the store close.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from collector.dead_letters import LetterDesk, PayloadReader
from collector.live_contracts import LiveContracts
from collector.redaction import Redactor, redacting_log_lines
from collector.service import Loader, Ready, ReceiverProcess
from correlator.attribution.on_demand import AttributionOnDemand
from correlator.keys import object_key
from dashboards.app import create_web
from dashboards.services import CollectorStatus
from suture.access.doorkeeper import Doorkeeper
from suture.access.exposure import (
    check_certificates,
    credentials_of,
    require_authentication,
    shown_by,
    tls_of,
)
from suture.access.pinned import Pinned
from suture.app.config_dir import config_dir
from suture.app.installation import open_store
from suture.app.leadership import Leadership
from suture.app.logs import redact_log_lines
from suture.app.redaction_key import redaction_key
from suture.app.schedule import Schedule, Step
from suture.app.stages import Stages, work_off, work_off_all
from suture.app.telemetry import Telemetry
from suture.app.web_server import WebServer
from suture.clock import Clock, SystemClock
from suture.definitions.catalog import load_catalog
from suture.errors import InstallationError, Unavailable
from suture.settings import Door, Settings
from suture.store.engine import Store

_log = structlog.get_logger(__name__)

_STOP_WITHIN = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Roles:
    """Which parts this process runs."""

    collector: bool = True
    worker: bool = True
    web: bool = True

    @property
    def doors(self) -> tuple[Door, ...]:
        """The doors of these parts."""
        doors: list[Door] = ["ingest"] if self.collector else []
        return (*doors, "web") if self.web else tuple(doors)


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Where the platform can be reached; None for a part that runs elsewhere."""

    ingest: str | None
    grpc: str | None
    web: str | None


class Platform:
    """The running parts of one process. `start`, wait, `stop`."""

    def __init__(
        self, settings: Settings, roles: Roles | None = None, *, clock: Clock | None = None
    ) -> None:
        """Read the definitions; raises DefinitionError or InstallationError if wrong.

        Among what is wrong are doors that would be open to everybody beyond this machine.
        """
        self._settings = settings
        self._roles = roles or Roles()
        self._clock = clock or SystemClock()
        self.own_key = secrets.token_urlsafe(32)
        """Lets what this process starts send through its own doors; a new one each time."""
        require_authentication(settings, self._roles.doors, self._clock)
        check_certificates(settings, self._roles.doors)
        self._config_dir = config_dir(settings.config)
        self._catalog = load_catalog(self._config_dir)
        self._redactor = Redactor.of(self._catalog, b"")
        self._resources = ExitStack()
        self._receiver: ReceiverProcess | None = None
        self._loader: Loader | None = None
        self._schedule: Schedule | None = None
        self._stages: Stages | None = None
        self._leadership: Leadership | None = None
        self._web: WebServer | None = None
        embedded = settings.store_url.startswith("chdb:")
        if embedded and self._roles != Roles():
            raise InstallationError(
                "the embedded store belongs to one process: run 'suture serve', or name a"
                " ClickHouse server with --store"
            )

    @property
    def pinned(self) -> Pinned | None:
        """How to trust the own doors; None where they speak plainly."""
        tls = tls_of(self._settings, "ingest")
        return Pinned(cert=tls.cert, shown=shown_by(self._settings)) if tls else None

    def start(self) -> Addresses:
        """Start every part in flow order and return where they are."""
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Follow the flow down: close the doors, load and work in what came, close the rest."""
        if self._receiver is not None:
            self._receiver.stop()
        if self._loader is not None:
            self._loader.stop(drain=True)
        if self._schedule is not None and self._stages is not None:
            self._schedule.stop(_STOP_WITHIN)
            self._finish(self._stages)
        if self._web is not None:
            self._web.stop()
        self._resources.close()

    def _start(self) -> Addresses:
        settings = self._settings
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        doors: Ready | None = None
        if self._roles.collector:
            key = redaction_key(settings, self._catalog)
            self._redactor = Redactor.of(self._catalog, key.encode())
            redact_log_lines(redacting_log_lines(self._redactor))
            self._receiver = ReceiverProcess(
                settings, self._config_dir, own_key=self.own_key, redaction_key=key
            )
            doors = self._receiver.start()
        telemetry = self._start_telemetry(doors)
        store = self._resources.enter_context(open_store(settings))
        self._resources.callback(telemetry.close)
        if self._roles.collector:
            self._loader = self._start_loader(store)
        if self._roles.worker:
            self._start_stages(store, telemetry)
        web = self._start_web(store) if self._roles.web else None
        return Addresses(
            ingest=doors.http if doors else None, grpc=doors.grpc if doors else None, web=web
        )

    def _start_telemetry(self, doors: Ready | None) -> Telemetry:
        return Telemetry(
            self._settings.telemetry_endpoint,
            own_door=doors.http if doors else "",
            own_key=self.own_key,
            own_session=pinned.session() if (pinned := self.pinned) else None,
        )

    def _start_loader(self, store: Store) -> Loader:
        types = self._catalog.object_types

        def key_of(environment: str, type_: str, attributes: Mapping[str, str], id_: str) -> str:
            return object_key(
                types, environment=environment, type_=type_, id_=id_, attributes=attributes
            )

        loader = Loader(
            store,
            self._settings.spool_path,
            self._catalog,
            self._clock,
            key_of,
            redactor=self._redactor,
            max_spans=self._settings.segment_max_spans,
            max_milestones=self._settings.segment_max_milestones,
        )
        loader.start()
        return loader

    def _start_stages(self, store: Store, telemetry: Telemetry) -> None:
        if not store.embedded:
            self._leadership = Leadership(store, self._clock).start()
            self._resources.callback(self._leadership.close)
            store = self._leadership.store
        self._stages = Stages(store, self._catalog, self._settings)
        self._resources.callback(self._stages.close)
        self._schedule = Schedule(self._clock, observer=telemetry.observe)
        every = timedelta(seconds=self._settings.tick_seconds)
        steps = [
            self._step(name, telemetry.traced(name, partial(work_off, work, self._clock.now)))
            for name, work in self._stages.chain
        ]
        self._schedule.line("stages", every, *steps)
        self._schedule.line("outbox", every, self._step("outbox", self._stages.deliver))
        self._schedule.line("coverage", every, self._step("coverage", self._stages.cover))
        attribute = self._step("attribution", self._stages.attribute)
        self._schedule.line("attribution", every, attribute)
        self._schedule.start()

    def _step(self, name: str, run: Callable[[datetime], object]) -> Step:
        """A step that rests while another process is the worker of this store."""
        return Step(name=name, run=self._leadership.only_leading(run) if self._leadership else run)

    def _finish(self, stages: Stages) -> None:
        """Work in what was loaded last, so that a restart finds nothing half-way."""
        if self._leadership is not None and not self._leadership.leads:
            return
        try:
            work_off_all(stages.chain, self._clock.now)
            stages.deliver(self._clock.now())
            stages.cover(self._clock.now())
            stages.attribute(self._clock.now())
        except Unavailable as error:
            _log.warning("stopped_before_all_was_worked_in", reason=error.message)

    def _start_web(self, store: Store) -> str:
        settings = self._settings
        access = Doorkeeper(credentials_of(settings, "web"), self._clock)
        self._resources.callback(access.close)
        access.start()
        app = create_web(
            store,
            self._catalog,
            settings,
            self._clock,
            status_source=self._collector_status,
            payload_reader=self._payload,
            letter_desk=self._letter_desk(),
            attributed=AttributionOnDemand(store, self._catalog),
            access=access,
        )
        self._web = WebServer(
            app,
            host=settings.host,
            port=settings.web_port,
            max_header_bytes=settings.max_header_bytes,
            tls=tls_of(settings, "web"),
        )
        return self._web.start()

    def _letter_desk(self) -> LetterDesk:
        contracts = LiveContracts(self._config_dir, self._catalog, self._redactor)
        return LetterDesk(
            self._settings.spool_path,
            contracts.reader,
            self._clock,
            max_bytes=self._settings.spool_max_bytes,
        )

    def _payload(self, letter_id: str) -> bytes | None:
        found = PayloadReader(self._settings.spool_path).get(letter_id)
        return found.content if found else None

    def _collector_status(self) -> CollectorStatus:
        if self._loader is None:
            return CollectorStatus()
        waiting = self._loader.pending().values()
        since: list[datetime] = [w.oldest for w in waiting if w.oldest is not None]
        return CollectorStatus(
            spool_records=sum(w.records for w in waiting),
            spool_bytes=sum(w.bytes for w in waiting),
            spool_max_bytes=self._settings.spool_max_bytes,
            waiting_since=min(since, default=None),
        )
