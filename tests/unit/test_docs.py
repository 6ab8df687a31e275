"""The documentation: what it names exists, what exists is documented, and its examples work."""

import copy
import io
import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import click
import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from alerting.channels.webhook import signature
from alerting.notices import notice
from collector.files.mapping import LogMapping, read_mapping
from collector.files.reading import EventLog
from collector.intake import Intake, IntakeMetrics
from collector.milestones import NATIVE_TYPE, MilestoneReader
from collector.otlp import check_request
from collector.otlp_signals import OTLP_SIGNALS, OtlpSignal
from collector.receiver_http import build_app
from dashboards.api import create_api, health
from dashboards.exports import TABLES
from dashboards.services import Services
from suture.app import cli
from suture.app.cli import suture
from suture.contracts.alert import AlertAction, AlertEvent, Severity
from suture.definitions.catalog import FILES, FOLDERS, load_catalog
from suture.definitions.event_contract import EventContract, SpanContract, SpanMatch
from suture.definitions.landscape import Owners, OwnershipRule, System, Team
from suture.definitions.process import (
    Completion,
    MilestoneDefinition,
    ObjectType,
    ProcessDefinition,
)
from suture.definitions.process import (
    Path as ObjectPath,
)
from suture.definitions.redaction import Redaction, RedactionRule
from suture.definitions.sla import SUPPORTED_KINDS, SlaDefinition, SlaSegment
from suture.settings import Settings
from suture.store.schema import shipped

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
HEALTHCARE = DEPLOY / "config" / "healthcare"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LARGEST_IMAGE = 300_000
NOT_SETTINGS = {
    "SUTURE_TEST_DATA",
    "SUTURE_TEST_CLICKHOUSE_URL",
    "SUTURE_TEST_REQUIRE",
    "SUTURE_UPDATE_GOLDEN",
}
"""Variables of the tests, which no installation reads."""

_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")
_HEREDOC = re.compile(r"<<EOF\n(.*?)\nEOF$", re.MULTILINE | re.DOTALL)


# -- reading Markdown -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block: `language` is what stands behind the fence."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def pages() -> dict[str, str]:
    """The text of every page, by its path from the root."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sorted(found)}


def blocks(*languages: str) -> list[Block]:
    return [
        Block(page=page, line=text[: m.start()].count("\n") + 2, language=m[1], text=m[2])
        for page, text in pages().items()
        for m in _FENCE.finditer(text)
        if m[1] in languages
    ]


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", pages()[page])


def section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its rank or above."""
    text = pages()[page]
    begin = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert begin, f"{page} has no section {heading!r}"
    end = re.compile(rf"^#{{1,{len(begin[1])}}} ", re.MULTILINE).search(text, begin.end())
    return text[begin.end() : end.start() if end else None]


def headings(page: str) -> list[str]:
    return [match[2] for match in _HEADING.finditer(prose(page))]


def tables(text: str, first_column: str) -> list[list[list[str]]]:
    """The rows of each table whose first column has this head."""
    found = []
    for table in re.findall(r"(?:^\|.*\|\n?)+", _FENCE.sub("", text), re.MULTILINE):
        rows = [
            [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
            for line in table.strip().splitlines()
        ]
        if rows[0][0] == first_column:
            found.append(rows[2:])
    return found


def named(rows: list[list[str]]) -> set[str]:
    """The code words of the first column."""
    return {word for row in rows for word in _CODE.findall(row[0])}


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.replace(" ", "-")


# -- links and images -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(pages()))
def test_links_lead_somewhere(name: str) -> None:
    broken = []
    for target in _LINK.findall(prose(name)):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        path = (ROOT / name).parent / parts.path if parts.path else ROOT / name
        if not path.exists():
            broken.append(target)
        elif parts.fragment:
            of = str(path.resolve().relative_to(ROOT))
            if parts.fragment not in map(slug, headings(of)):
                broken.append(target)
    assert broken == []


def test_pages_are_reached_from_the_readme() -> None:
    seen, waiting = set(), ["README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        for target in _LINK.findall(prose(page)):
            path = ((ROOT / page).parent / urlsplit(target).path).resolve()
            name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""
            if name in pages() and name not in seen:
                waiting.append(name)
    assert set(pages()) - seen == set()


def test_images_are_small_and_shown() -> None:
    images = sorted((ROOT / "docs" / "images").iterdir())
    shown = "".join(pages().values())
    assert [i.name for i in images if i.stat().st_size > LARGEST_IMAGE] == []
    assert [i.name for i in images if f"images/{i.name})" not in shown] == []


# -- settings -------------------------------------------------------------------------------------


def test_every_setting_is_documented_with_its_default() -> None:
    rows = [
        row
        for rows in tables(section("docs/configuration.md", "Settings"), "variable")
        for row in rows
    ]
    documented = {row[0].strip("`"): row for row in rows}
    fields = {f"SUTURE_{name.upper()}": f for name, f in Settings.model_fields.items()}
    assert set(documented) == set(fields)
    for variable, field in fields.items():
        shown, default = documented[variable][1], field.default
        if default in (None, ""):
            assert not shown.startswith("`") or " " in shown, f"{variable} has no fixed default"
        else:
            text = json.dumps(default) if isinstance(default, bool) else str(default)
            assert shown == f"`{text}`", variable
        assert documented[variable][2], f"{variable} lacks a unit"
        assert documented[variable][3], f"{variable} lacks a meaning"


def test_no_variable_is_named_that_does_not_exist() -> None:
    known = {f"SUTURE_{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    texts = {**pages(), **{str(p): p.read_text(encoding="utf-8") for p in deploy_files()}}
    unknown = {
        (where, name)
        for where, text in texts.items()
        for name in re.findall(r"\bSUTURE_[A-Z_]+[A-Z]\b", text)
        if name not in known
    }
    assert unknown == set()


# -- the command line -----------------------------------------------------------------------------


def commands(
    group: click.Group = suture, before: str = "suture"
) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its full name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")
        elif command is not None:
            yield f"{before} {name}", command


COMMANDS = dict(commands())


def test_every_command_is_documented_and_no_other() -> None:
    documented = {h for h in headings("docs/commands.md") if h.startswith("suture ")}
    assert documented == set(COMMANDS)
    listed = named(tables(pages()["docs/commands.md"], "command")[0])
    assert listed == set(COMMANDS)


def test_the_list_of_commands_says_of_each_what_it_says_of_itself() -> None:
    """It is shown without importing them."""
    context = click.Context(suture)
    for name in suture.list_commands(context):
        command = suture.get_command(context, name)
        assert command is not None
        assert cli.COMMANDS[name][1] == command.get_short_help_str(200)
    formatter = click.HelpFormatter()
    suture.format_commands(context, formatter)
    shown = re.findall(r"(?m)^  (\S+)", formatter.getvalue())
    assert shown == list(cli.COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_documented_and_no_other(name: str) -> None:
    found = tables(section("docs/commands.md", name), "option")
    documented = {
        word.partition(" ")[0]: word.partition(" ")[2] for rows in found for word in named(rows)
    }
    context = click.Context(COMMANDS[name])
    options = {
        option.opts[0]: "" if option.is_flag else option.make_metavar(context)
        for option in COMMANDS[name].params
        if isinstance(option, click.Option)
    }
    assert documented == options


def invocations() -> list[tuple[Block, list[str]]]:
    """Every `suture …` in a shell block."""
    found = []
    for block in blocks("bash"):
        text = _HEREDOC.sub("", block.text).replace("\\\n", " ")
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words and words[0] in ("suture", ".venv/bin/suture"):
                told = words.index(">") if ">" in words else None
                found.append((block, words[1:told]))
    assert len(found) > 10
    return found


@pytest.mark.parametrize(("block", "words"), invocations(), ids=str)
def test_commands_in_examples_exist(block: Block, words: list[str], tmp_path: Path) -> None:
    arguments = [tmp_file(word, tmp_path) for word in words]
    command: click.Command = suture
    context = click.Context(command, info_name="suture")
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None, f"{block}: there is no command {name}"
        command = found
    command.make_context("suture", arguments)


def tmp_file(word: str, folder: Path) -> str:
    """An existing file in place of one that an example names."""
    if not re.search(r"\.(yaml|csv|json|xes\.gz)$", word) and word != "FILE...":
        return word
    path = folder / Path(word).name
    path.touch()
    return str(path)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    used = {
        target
        for text in pages().values()
        for target in re.findall(r"(?:^|`|\s)make ([a-z]+)(?=$|`|\s(?:#|[A-Z]+=))", text, re.M)
    }
    assert used >= {"demo", "test", "check"}
    assert used - targets == set()
    given = {v for t in pages().values() for v in re.findall(r"make [a-z]+ ([A-Z]+)=", t)}
    assert {variable for variable in given if f"$({variable})" not in makefile} == set()


# -- definitions ----------------------------------------------------------------------------------

DEFINED: dict[str, list[type[BaseModel]]] = {
    "processes/": [ProcessDefinition, ObjectPath, ObjectType, MilestoneDefinition, Completion],
    "slas/": [SlaDefinition, SlaSegment],
    "contracts/": [EventContract, SpanContract, SpanMatch],
    "systems.yaml": [System],
    "owners.yaml": [Owners, Team, OwnershipRule],
    "redaction.yaml": [Redaction, RedactionRule],
}
"""What each section of the configuration page tells of, a table of fields for each."""


def fields_of(model: type[BaseModel]) -> dict[str, bool]:
    """The fields as written in YAML, and whether each is required."""
    return {
        field.alias or name: field.is_required()
        for name, field in model.model_fields.items()
        if not field.exclude
    }


def test_every_kind_of_configuration_file_is_documented_and_no_other() -> None:
    kinds = set(FILES) | {f"{folder}/" for folder in FOLDERS}
    below = section("docs/configuration.md", "The configuration directory")
    assert {m[2] for m in _HEADING.finditer(_FENCE.sub("", below))} == kinds
    assert named(tables(below, "entry")[0]) == kinds
    assert set(DEFINED) == kinds - {"mappings/"}


@pytest.mark.parametrize("kind", sorted(DEFINED))
def test_every_field_of_a_definition_is_documented_and_no_other(kind: str) -> None:
    found = tables(section("docs/configuration.md", kind), "field")
    assert len(found) == len(DEFINED[kind])
    for model, rows in zip(DEFINED[kind], found, strict=True):
        documented = {row[0].strip("`"): row[1].startswith("required") for row in rows}
        assert documented == fields_of(model), model.__name__


def test_every_field_of_a_mapping_is_documented_and_no_other() -> None:
    (rows,) = tables(section("docs/importing.md", "The mapping file"), "field")
    assert named([[row[0]] for row in rows]) == set(fields_of(LogMapping))


def test_every_sla_kind_is_documented_and_no_other() -> None:
    (rows,) = tables(section("docs/configuration.md", "slas/"), "kind")
    assert named(rows) == set(SUPPORTED_KINDS)


# -- examples of definitions and data -------------------------------------------------------------


@pytest.mark.parametrize("block", blocks("yaml", "json"), ids=str)
def test_blocks_parse(block: Block) -> None:
    assert (yaml.safe_load if block.language == "yaml" else json.loads)(block.text)


def definitions() -> Iterator[tuple[str, Block]]:
    """(folder or file, block) of the YAML blocks that define something."""
    keys = {
        "process": "processes",
        "sla": "slas",
        "contract": "contracts",
        "span_contract": "contracts",
        "systems": "systems.yaml",
        "teams": "owners.yaml",
        "unlisted": "redaction.yaml",
        "source": "mappings",
    }
    for block in blocks("yaml"):
        content = yaml.safe_load(block.text)
        first = next(iter(content[0] if isinstance(content, list) else content))
        assert first in keys, f"{block}: nothing says what this defines"
        yield keys[first], block


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped configuration with everything added that the pages define."""
    folder = tmp_path_factory.mktemp("docs") / "config"
    shutil.copytree(HEALTHCARE, folder)
    for number, (place, block) in enumerate(definitions()):
        if place in FOLDERS:
            (folder / place / f"documented-{number}.yaml").write_text(block.text, encoding="utf-8")
    return folder


def test_documented_definitions_fit_the_shipped_configuration(configuration: Path) -> None:
    assert {place for place, _ in definitions()} == {*FOLDERS, *FILES}
    load_catalog(configuration)
    for path in configuration.glob("mappings/documented-*.yaml"):
        read_mapping(path).ready_for("csv")


@pytest.mark.parametrize(
    "entry", [(p, b) for p, b in definitions() if p in FILES], ids=lambda e: str(e[1])
)
def test_documented_systems_and_owners_are_valid(entry: tuple[str, Block], tmp_path: Path) -> None:
    place, block = entry
    (tmp_path / place).write_text(block.text, encoding="utf-8")
    load_catalog(tmp_path)


def events() -> list[tuple[str, Any]]:
    """(where, CloudEvents) of every example, those that a shell would send included."""
    found = []
    for block in blocks("json", "bash"):
        bodies = [block.text] if block.language == "json" else _HEREDOC.findall(block.text)
        for body in bodies:
            content = json.loads(
                body.replace("$NOW", "2026-11-22T11:00:00Z").replace("$(date +%s)", "1")
            )
            if isinstance(content, list) or "specversion" in content:
                found.append((str(block), content))
    return found


@pytest.mark.parametrize(("where", "content"), events(), ids=[where for where, _ in events()])
def test_documented_events_are_accepted(where: str, content: Any, configuration: Path) -> None:
    reader = MilestoneReader(load_catalog(configuration))
    batch = content if isinstance(content, list) else [content]
    headers = {"content-type": "application/cloudevents-batch+json"}
    reading = reader.read(headers, json.dumps(batch).encode(), now=NOW)
    assert list(reading.rejected) == [], where
    assert len(reading.accepted) == len(batch)


@pytest.mark.parametrize("kind", OTLP_SIGNALS[:2], ids=lambda kind: kind.signal.value)
def test_documented_telemetry_is_accepted(kind: OtlpSignal) -> None:
    seconds = str(int(NOW.timestamp()))
    bodies = [
        body.replace("$(date +%s)", seconds)
        for block in blocks("bash")
        if kind.path in block.text
        for body in _HEREDOC.findall(block.text)
    ]
    assert bodies
    for body in bodies:
        checked = check_request(kind, body.encode(), now=NOW, is_json=True)
        assert (checked.items, checked.message) == (1, "")


def test_the_documented_import_reads_the_documented_file(tmp_path: Path) -> None:
    text = section("docs/importing.md", "A first import")
    rows = next(m[2] for m in _FENCE.finditer(text) if m[1] == "text")
    mapping = next(m[2] for m in _FENCE.finditer(text) if m[1] == "yaml")
    (tmp_path / "orders.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "my-log.yaml").write_text(mapping, encoding="utf-8")
    log = EventLog(tmp_path / "orders.csv", read_mapping(tmp_path / "my-log.yaml"), now=NOW)
    milestones = [row for table in log.tables() for row in table.to_pylist()]
    assert log.report.bad == 0
    assert f"{log.report.read} events read, {len(milestones)} imported" in text
    assert [row["outcome"] for row in milestones] == ["ok", "ok", "ok", "rejected"]
    assert milestones[1]["object_ids"] == ["R-500", "P-77", "P-78"]


def test_the_documented_check_of_a_signature_agrees_with_the_webhook() -> None:
    names: dict[str, Any] = {}
    (snippet,) = blocks("python")
    exec(compile(snippet.text, str(snippet), "exec"), names)
    body = next(b.text for b in blocks("json") if b.page == snippet.page).encode()
    header = signature("secret", body, datetime.now(UTC))
    assert names["genuine"]("secret", header, body)
    assert not names["genuine"]("another", header, body)
    assert not names["genuine"]("secret", header, body + b" ")
    assert not names["genuine"]("secret", signature("secret", body, NOW.replace(year=2020)), body)


def test_the_documented_notification_has_the_fields_of_one() -> None:
    event = AlertEvent(
        alert_id="0f6bdb700cf935dd",
        at=NOW,
        action=AlertAction.OPENED,
        actor="suture",
        environment="production",
        process="requisition_to_fulfilment",
        sla="order-transmission",
        anchor="production|requisition||R-10044",
        severity=Severity.HIGH,
        owner="integration-desk",
        title="",
    )
    sent = json.loads(notice(event, "webhook").body)
    shown = json.loads(next(b.text for b in blocks("json") if b.page == "docs/operations.md"))
    assert shown.keys() == sent.keys()
    assert shown["alert"].keys() == sent["alert"].keys()
    assert shown["alert"]["anchor"] == sent["alert"]["anchor"]


# -- the API --------------------------------------------------------------------------------------


@cache
def openapi() -> dict[str, Any]:
    services = cast(Services, SimpleNamespace(store=None))
    return create_api(services, home="/ui/").openapi()


@cache
def calls() -> dict[str, dict[str, Any]]:
    """The description of every call, by method and path."""
    return {
        f"{method.upper()} {path}": call
        for path, methods in openapi()["paths"].items()
        for method, call in methods.items()
    }


def documented_calls(page: str) -> set[str]:
    return {h for h in headings(page) if re.match(r"(GET|POST|PUT|DELETE) /", h)}


DOCUMENTED = sorted(call for call in documented_calls("docs/api.md") if "/api/v1" in call)
"""From the page, as the description takes a second to make."""


def test_every_call_is_documented_and_no_other() -> None:
    assert documented_calls("docs/api.md") == set(calls())


def test_every_door_is_documented_and_no_other() -> None:
    app = build_app(cast(Intake, None), lambda: True)
    doors = {
        f"{method} {route.path}"  # type: ignore[attr-defined]
        for route in app.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }
    assert documented_calls("docs/sending-data.md") == doors


def without_references(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenAPI schema as one that stands alone, and that knows no other fields than declared."""
    components = copy.deepcopy(openapi()["components"]["schemas"])
    for component in components.values():
        if "properties" in component:
            component.setdefault("additionalProperties", False)
    text = json.dumps({**schema, "$defs": components})
    return cast(dict[str, Any], json.loads(text.replace("#/components/schemas/", "#/$defs/")))


def body_schema(call: Mapping[str, Any]) -> dict[str, Any] | None:
    body = call.get("requestBody")
    return body["content"]["application/json"]["schema"] if body else None


def parameters(call: Mapping[str, Any]) -> set[str]:
    """The names of parameters in the path, in the query and in the body."""
    schema = body_schema(call)
    found = {parameter["name"] for parameter in call.get("parameters", ())}
    for choice in schema.get("anyOf", [schema]) if schema else ():
        if "$ref" in choice:
            name = choice["$ref"].rpartition("/")[2]
            found |= set(openapi()["components"]["schemas"][name]["properties"])
    return found


@pytest.mark.parametrize("call", DOCUMENTED)
def test_every_parameter_is_documented_and_no_other(call: str) -> None:
    (rows,) = tables(section("docs/api.md", call), "parameter")
    # Facets are filters without a name of their own, which OpenAPI cannot say.
    assert named(rows) - {"facet.<name>"} == parameters(calls()[call])
    told = set(_CODE.findall(" ".join(row[-1] for row in rows)))
    values = {v for p in calls()[call].get("parameters", ()) for v in enumeration(p["schema"])}
    assert values <= told


def enumeration(schema: Mapping[str, Any]) -> set[str]:
    """The values a parameter can take, where they are listed."""
    found: set[str] = set(schema.get("enum", ()))
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        found |= enumeration(openapi()["components"]["schemas"][name])
    for choice in schema.get("anyOf", ()):
        found |= enumeration(choice)
    return found


@pytest.mark.parametrize("call", DOCUMENTED)
def test_every_call_has_an_example_that_fits(call: str) -> None:
    text = section("docs/api.md", call)
    found = {m[1]: m[2] for m in reversed(list(_FENCE.finditer(text)))}
    line, _, body = found["http"].partition("\n")
    method, _, address = line.partition(" ")
    parts = urlsplit(address)
    template = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(call.partition(" ")[2]))
    assert method == call.partition(" ")[0]
    assert re.fullmatch(template, parts.path)
    asked = {name for name, _ in parse_qsl(parts.query, strict_parsing=bool(parts.query))}
    assert {n for n in asked if not n.startswith("facet.")} <= parameters(calls()[call])
    if schema := body_schema(calls()[call]):
        Draft202012Validator(without_references(schema)).validate(json.loads(body))
    if "json" in found:
        answer = calls()[call]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(without_references(answer)).validate(json.loads(found["json"]))


def test_an_example_that_does_not_fit_is_noticed() -> None:
    schema = calls()["GET /api/v1/status"]["responses"]["200"]["content"]["application/json"]
    validator = Draft202012Validator(without_references(schema["schema"]))
    example = json.loads(
        next(
            m[2]
            for m in _FENCE.finditer(section("docs/api.md", "GET /api/v1/status"))
            if m[1] == "json"
        )
    )
    assert validator.is_valid(example)
    assert not validator.is_valid({**example, "invented": 1})
    assert not validator.is_valid({k: v for k, v in example.items() if k != "spool"})


def test_the_documented_problem_is_one() -> None:
    example = next(
        b for b in blocks("json") if b.page == "docs/api.md" and '"about:blank"' in b.text
    )
    schema = without_references({"$ref": "#/components/schemas/Problem"})
    Draft202012Validator(schema).validate(json.loads(example.text))


def test_metrics_are_documented_and_no_other(tmp_path: Path) -> None:
    own = IntakeMetrics(tmp_path / "spool.db").registry.collect()
    doors = named(tables(section("docs/sending-data.md", "GET /metrics"), "metric")[0])
    assert {name.removesuffix("_total") for name in doors} == {metric.name for metric in own}
    source = Path(health.__file__).read_text(encoding="utf-8")
    stages = named(tables(section("docs/api.md", "GET /metrics"), "metric")[0])
    assert stages == set(re.findall(r'"(suture_\w+)"', source))


def test_tables_as_files_are_documented_and_no_other() -> None:
    documented = set(re.findall(r"`/ui/export/([\w-]+)\.csv`", pages()["docs/api.md"]))
    assert documented == set(TABLES)


# -- the architecture -----------------------------------------------------------------------------


def test_every_table_is_documented_with_its_key_and_no_other() -> None:
    (rows,) = tables(section("ARCHITECTURE.md", "Tables"), "table")
    documented = {row[0].strip("`"): row[2].strip("`") for row in rows}
    created = {}
    for migration in shipped():
        for statement in re.split(r";\s*$", migration.text, flags=re.MULTILINE):
            if name := re.search(r"CREATE TABLE IF NOT EXISTS (\w+)", statement):
                key = re.search(r"^ORDER BY (.+?);?$", statement, re.MULTILINE)
                created[name[1]] = re.sub(r"^\((.*)\)$", r"\1", key[1]) if key else ""
    assert documented == created
    assert [row[0] for row in rows if not all(row[1:2] + row[3:])] == []


def test_every_invariant_names_tests_that_exist() -> None:
    (rows,) = tables(section("ARCHITECTURE.md", "Invariants"), "invariant")
    missing = []
    for row in rows:
        cited = [word for word in _CODE.findall(row[1]) if word.startswith("tests/")]
        assert cited, f"nothing shows: {row[0]}"
        for word in cited:
            file, _, test = word.partition("::")
            path = ROOT / file
            if not path.exists() or f"def {test}" not in path.read_text(encoding="utf-8"):
                missing.append(word)
    assert missing == []


def test_modules_and_files_that_are_named_exist() -> None:
    packages = r"(?:suture|collector|correlator|sla_rules|alerting|dashboards|tests|deploy)"
    missing = set()
    for page in pages():
        for word in _CODE.findall(prose(page)):
            if re.fullmatch(rf"{packages}(?:/[\w.-]+)+/?", word) and not (ROOT / word).exists():
                missing.add((page, word))
            if re.fullmatch(rf"{packages}(?:\.[a-z_]+)+", word) and word != NATIVE_TYPE:
                path = ROOT / word.replace(".", "/")
                if not (path.is_dir() or path.with_suffix(".py").exists()):
                    missing.add((page, word))
    assert missing == set()


# -- what is deployed -----------------------------------------------------------------------------


def deploy_files() -> list[Path]:
    return sorted(
        path for path in DEPLOY.rglob("*") if path.is_file() and HEALTHCARE not in path.parents
    )


def test_compose_and_manifests_start_commands_that_exist() -> None:
    parts = set()
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    for service in compose["services"].values():
        parts |= set(service.get("command", ()))
    stream = io.StringIO((DEPLOY / "kubernetes" / "suture.yaml").read_text(encoding="utf-8"))
    for document in yaml.safe_load_all(stream):
        pod = document["spec"].get("template", {}).get("spec")
        if pod is None:
            continue
        # Otherwise the cluster would set SUTURE_WEB_PORT to a service's address.
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            parts |= set(container["args"])
            names = [variable["name"] for variable in container["env"]]
            if "SUTURE_HOST" in names:
                assert "SUTURE_API_KEY" in names
    assert parts == {"collector", "worker", "web"}
    assert {f"suture {part}" for part in parts} <= set(COMMANDS)


def test_the_image_holds_every_package() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^packages = \[(.*)\]$", project, re.MULTILINE)
    assert listed
    for package in re.findall(r'"(\w+)"', listed[1]):
        assert f"COPY {package} {package}\n" in dockerfile
        assert f"!{package}\n" in ignored
