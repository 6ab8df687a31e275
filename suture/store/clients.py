"""Opens the driver's clients, on the embedded engine or on a server, all with the same manners."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import clickhouse_connect
from clickhouse_connect import common
from clickhouse_connect.driver import options
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ProgrammingError

from suture.errors import InstallationError
from suture.store.address import StoreAddress
from suture.store.driver_errors import mapped_errors
from suture.store.embedded import explain_failed_open, require_unlocked
from suture.store.queries import load

MINIMUM_VERSION = (25, 9)
"""The first server whose Protobuf reader tells an absent value from an empty one."""

_SETTINGS: dict[str, Any] = {
    # An insert is done when its rows are in the table; the server's queue would answer earlier.
    "async_insert": 0,
    # A repeated insert leaves one copy in the targets of materialized views, too.
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # Times without a zone mean UTC, wherever the engine runs.
    "session_timezone": "UTC",
}
_EMBEDDED_SETTINGS: dict[str, Any] = {
    # Files are read where they are wanted. To hand each over to a pool of threads, as a server
    # does, takes a third of the time of a short read.
    "local_filesystem_read_method": "pread",
}
_NEWER_SETTINGS: dict[str, Any] = {"deduplicate_insert": "enable"}
ANSWER_SECONDS = 5
"""How long a server gets to say that it gave up, before the connection is."""

_SQL = load("engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """How the clients of one store are opened. Raises our errors only."""

    address: StoreAddress
    engine_options: Mapping[str, str]
    timeout_seconds: float
    connect_timeout_seconds: float

    def first(self) -> Client:
        """Open the engine or reach the server, and make sure that the database is there."""
        if self.address.path is not None:
            require_unlocked(self.address.path)
        with mapped_errors():
            try:
                client = self._open(database=None)
            except ProgrammingError as error:
                if self.address.path is None:
                    raise
                raise explain_failed_open(self.address.path, error) from error
            with ExitStack() as undo:
                undo.callback(client.close)
                self._require_version(client)
                self._require_database(client)
                self._bounded(client)
                undo.pop_all()
            return client

    def reader(self) -> Client:
        """A client whose queries the engine itself ends when they exceed the timeout."""
        with mapped_errors():
            return self._bounded(self._open(database=self.address.database))

    def writer(self) -> Client:
        """A client for inserts and statements."""
        with mapped_errors():
            return self._open(database=self.address.database)

    def _bounded(self, client: Client) -> Client:
        client.set_client_setting("max_execution_time", math.ceil(self.timeout_seconds))
        return client

    def _open(self, *, database: str | None) -> Client:
        # It would import Pandas to see whether the rows of an insert are a frame; they never are.
        options.pd = None
        # Otherwise a mapping given as a parameter would be bound as JSON, which is no Map.
        common.set_setting("dict_parameter_format", "map")
        client = self._embedded(database) if self.address.path else self._remote(database)
        # The driver renders parameters in the server's zone; ours is the session's.
        client.server_tz = UTC
        return client

    def _embedded(self, database: str | None) -> Client:
        return clickhouse_connect.get_client(
            interface="chdb",
            path=str(self.address.path),
            database=database,
            settings=_SETTINGS | _NEWER_SETTINGS | _EMBEDDED_SETTINGS,
            tz_mode="aware",
            chdb_options=dict(self.engine_options),
        )

    def _remote(self, database: str | None) -> Client:
        client = clickhouse_connect.get_client(
            host=self.address.host,
            port=self.address.port,
            username=self.address.user,
            password=self.address.password,
            secure=self.address.secure,
            database=database,
            settings=dict(_SETTINGS),
            tz_mode="aware",
            autogenerate_session_id=False,
            connect_timeout=math.ceil(self.connect_timeout_seconds),
            send_receive_timeout=math.ceil(self.timeout_seconds) + ANSWER_SECONDS,
            dedicated_pool=True,
        )
        for name in client.server_settings.keys() & _NEWER_SETTINGS.keys():
            client.set_client_setting(name, _NEWER_SETTINGS[name])
        return client

    def _require_database(self, client: Client) -> None:
        named = {"database": self.address.database}
        if not list(client.query(_SQL["database_exists"], parameters=named).named_results()):
            embedded = self.address.path is not None
            block = "create_embedded_database" if embedded else "create_database"
            client.command(_SQL[block], parameters=named)
        client.database = self.address.database

    def _require_version(self, client: Client) -> None:
        version = client.server_version or "0"
        if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM_VERSION:
            needed = ".".join(map(str, MINIMUM_VERSION))
            raise InstallationError(
                f"{self.address}: ClickHouse {version} is too old, {needed} is needed"
            )
