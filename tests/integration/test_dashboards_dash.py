"""The Dash application itself: nothing blocks the loop, nothing unasked for is switched on."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from dash import Dash
from fastapi import FastAPI

from dashboards.services import CollectorStatus, Services
from dashboards.shell import create_dash
from suture.clock import SystemClock
from suture.definitions.catalog import Catalog
from suture.settings import Settings
from suture.store.engine import Store

pytestmark = pytest.mark.store

DASHBOARDS = Path(__file__).resolve().parents[2] / "dashboards"


@pytest.fixture
def dash(store: Store, monkeypatch: pytest.MonkeyPatch) -> Dash:
    """The application in an environment that would switch on the MCP server."""
    monkeypatch.setenv("DASH_MCP_ENABLED", "true")
    services = Services.over(
        store,
        Catalog(),
        Settings(),
        SystemClock(),
        collector=CollectorStatus,
        payload=lambda _: None,
    )
    return create_dash(FastAPI(), services, closed=False)


def test_every_callback_is_a_coroutine(dash: Dash) -> None:
    # A plain function would run on the server's own loop and stop everything else meanwhile.
    served = {
        name: entry["callback"] for name, entry in dash.callback_map.items() if "callback" in entry
    }
    assert len(served) >= 6
    for name, callback in served.items():
        assert inspect.iscoroutinefunction(callback), name


def test_there_is_no_server_for_agents(dash: Dash) -> None:
    assert dash._enable_mcp is False
    paths = {getattr(route, "path", "") for route in dash.server.routes}
    assert not [path for path in paths if "mcp" in path]


def test_an_idle_websocket_is_not_opened(dash: Dash) -> None:
    config: dict[str, Any] = dash._config()
    assert "websocket" not in config


def test_no_chart_can_be_shared_with_a_cloud() -> None:
    # A plotly graph brings a button that uploads it: there is none, so there is no such button.
    for path in DASHBOARDS.rglob("*.py"):
        assert "dcc.Graph" not in path.read_text(encoding="utf-8"), path


def test_nothing_is_asked_for_from_afar() -> None:
    for path in (
        *DASHBOARDS.rglob("*.js"),
        *DASHBOARDS.rglob("*.css"),
        *DASHBOARDS.rglob("*.html"),
    ):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path
        assert "https://" not in text, path
