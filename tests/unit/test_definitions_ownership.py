"""Whom a refused input belongs to."""

import pytest

from suture.definitions.catalog import Catalog
from suture.definitions.event_contract import EventContract
from suture.definitions.landscape import Owners, System
from suture.definitions.ownership import Ownership, first_part

CONTRACT = EventContract.model_validate(
    {
        "contract": "known",
        "version": "1",
        "owner": "contract-team",
        "system": "erp",
        "milestone": "m",
        "objects": {"o": "data.o"},
    }
)
SYSTEMS = {
    "erp": System.model_validate(
        {"role": "system_of_record", "services": ["erp-api"], "owner": "erp-team"}
    ),
    "portal": System.model_validate({"role": "application", "services": ["portal-api"]}),
}
RULES = [
    {"process": "p", "team": "never"},
    {"team": "everything"},
    {"system": "portal", "team": "portal-team"},
    {"system": "erp", "team": "not-asked"},
    {"contract": "foreign", "team": "foreign-team"},
]


def ownership(*rules: dict[str, str]) -> Ownership:
    return Ownership(
        Catalog(
            contracts={("known", "1"): CONTRACT},
            systems=SYSTEMS,
            owners=Owners.model_validate({"rules": rules}),
        )
    )


@pytest.mark.parametrize(
    ("about", "team"),
    [
        ({"contract_owner": "broken", "source": "/erp/x", "type_": "known"}, "broken"),
        ({"type_": "known", "source": "/portal"}, "contract-team"),
        ({"type_": "foreign", "source": "/erp"}, "foreign-team"),
        ({"source": "/erp/mercy-west"}, "erp-team"),
        ({"source": "otel:erp-api"}, "erp-team"),
        ({"source": "/portal/east"}, "portal-team"),
        ({"source": "otel:portal-api"}, "portal-team"),
        ({"source": "/lab"}, "everything"),
        ({"source": "::["}, "everything"),
        ({}, "everything"),
    ],
)
def test_the_first_that_says_who_answers(about: dict[str, str], team: str) -> None:
    assert ownership(*RULES).of(**about) == team


def test_nobody_may_be_named() -> None:
    assert ownership().of(source="/lab", type_="t") == ""
    assert ownership().default == ""
    assert ownership(*RULES).default == "everything"


@pytest.mark.parametrize(
    ("source", "part"),
    [("/erp/mercy", "erp"), ("https://host/a/b", "a"), ("//host", "host"), ("plain", "plain")],
)
def test_the_first_part_of_a_source(source: str, part: str) -> None:
    assert first_part(source) == part
