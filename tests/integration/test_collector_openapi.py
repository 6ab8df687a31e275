"""The receiver held against its description, `docs/ingest.openapi.yaml`, by schemathesis."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
import yaml
from doors import Door
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from otlp_generator import Maker
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from collector.intake import Intake
from collector.receiver_http import build_app

DESCRIPTION = Path(__file__).parents[2] / "docs" / "ingest.openapi.yaml"

load_all_checks()


def request_of_any_signal(seed: int) -> bytes:
    """Resources without anything in them look the same in all three signals."""
    request = Maker(seed, 0).traces(0)
    for resource_spans in request.resource_spans:
        resource_spans.ClearField("scope_spans")
    return bytes(request.SerializeToString())


schemathesis.openapi.media_type(
    "application/x-protobuf", st.integers(0, 1000).map(request_of_any_signal)
)
OPERATIONS = [
    found.ok() for found in schemathesis.openapi.from_path(DESCRIPTION).get_all_operations()
]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    opened = Door(tmp_path_factory.mktemp("openapi"))
    yield opened
    opened.process.stop()


def test_every_door_is_described_and_no_other() -> None:
    app = build_app(cast(Intake, None), lambda: True)
    doors = {
        (route.path, method)  # type: ignore[attr-defined]
        for route in app.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }
    described = yaml.safe_load(DESCRIPTION.read_text())["paths"]
    assert doors == {(path, method.upper()) for path in described for method in described[path]}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_as_described(door: Door, operation: APIOperation) -> None:
    # Whether an event is accepted hangs on its contract as well, which no description can hold.
    by_contract = [positive_data_acceptance] if operation.path == "/v1/milestones" else []
    answered: list[int] = []

    @settings(
        max_examples=25,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE))
    def answers(case: Any) -> None:
        answer = case.call_and_validate(base_url=door.ready.http, excluded_checks=by_contract)
        answered.append(answer.status_code)

    answers()
    # Of both kinds, so that neither half of the description went untried.
    assert min(answered) == (202 if operation.path == "/v1/milestones" else 200)
    assert operation.method == "get" or max(answered) >= 400
