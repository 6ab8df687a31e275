"""`suture export`: what is stored leaves as OCEL 2.0, and comes back to the same instances."""

import gzip
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from event_log_generator import write_ocel
from ocel_standard import check_json, load_json, read_sqlite

from collector.files.importer import import_file
from collector.files.mapping import LogMapping, read_mapping
from correlator.job import Correlator
from suture.app.cli import suture
from suture.app.ocel.export import ExportProgress, ExportResult, Form, export_process
from suture.clock import ManualClock
from suture.contracts.milestone import Milestone, Outcome
from suture.contracts.objects import ObjectRef
from suture.contracts.trace import Signal, segment_number
from suture.definitions.catalog import Catalog, load_catalog
from suture.definitions.process import Completion, ProcessDefinition
from suture.errors import InstallationError
from suture.store.engine import Store
from suture.store.facts import finish_segment, milestone_table, new_stream
from suture.store.migrate import migrate
from suture.store.reading.exporting import ExportFilter, ExportReader
from suture.testing import wipe

pytestmark = pytest.mark.store

HEALTHCARE = Path(__file__).resolve().parents[2] / "deploy" / "config" / "healthcare"
EXAMPLE = HEALTHCARE / "mappings" / "ocel20-example.yaml"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
T0 = datetime(2026, 1, 5, 8, tzinfo=UTC)
FORMS: list[tuple[Form, str]] = [("json", "log.json"), ("sqlite", "log.sqlite")]
INSTANCES = (
    "SELECT anchor, status, started_at, start_inferred, ended_at, last_at, last_milestone, facets,"
    " facet_history, money, objects, members_count, milestone_times, attempt_times"
    " FROM instances FINAL WHERE process = {process:String} AND removed = 0 ORDER BY anchor"
)
MEMBERS = (
    "SELECT anchor, milestone, occurred_at, outcome, reason, arraySort(objects) AS objects"
    " FROM members FINAL WHERE process = {process:String} AND removed = 0"
    " ORDER BY anchor, occurred_at, milestone, outcome, reason, objects"
)
SUPPLY = ProcessDefinition.model_validate(
    {
        "process": "supply",
        "title": "Supply",
        "domain": "supply",
        "owner": "desk",
        "anchor": "requisition",
        "paths": [{"from": "requisition", "to": "order"}, {"from": "order", "to": "receipt"}],
        "objects": {"order": {"normalize": ["trim", "upper"], "scope": "site"}},
        "milestones": [{"name": n} for n in ("created", "approved", "ordered", "received")],
        "starts_with": "created",
        "completes_with": "received",
        "facets": ["site", "ward"],
        "money": "amount",
    }
)


def content(store: Store, process: str) -> dict[str, list[dict[str, Any]]]:
    """All that makes the instances of a process what they are."""
    asked = {"process": process}
    return {"instances": store.rows(INSTANCES, asked), "members": store.rows(MEMBERS, asked)}


def exported(
    store: Store, process: ProcessDefinition, path: Path, form: Form, **more: Any
) -> ExportResult:
    wanted = ExportFilter(environment="production", process=process.process, **more)
    return export_process(store, process, wanted, path, form=form, now=NOW)


def imported(store: Store, path: Path, mapping: LogMapping, catalog: Catalog) -> None:
    """A file into an empty store, and stitched."""
    result = import_file(store, path, mapping, catalog=catalog, clock=ManualClock(NOW))
    assert result.complete, result.problems
    Correlator(store, catalog).run(NOW)


def comes_back(store: Store, process: str, catalog: Catalog, folder: Path, **more: Any) -> None:
    """Both forms of what is stored now, checked and taken in again, give the same instances."""
    before = content(store, process)
    assert before["instances"]
    definition = catalog.processes[process]
    results = {
        form: exported(store, definition, folder / name, form, **more) for form, name in FORMS
    }
    log, tables = load_json(folder / "log.json"), read_sqlite(folder / "log.sqlite")
    for kind in ("objects", "events"):
        assert {i["id"] for i in log[kind]} == {i["id"] for i in tables[kind]}
    for form, name in FORMS:
        wipe(store)
        mapping = LogMapping.model_validate(results[form].mapping)
        imported(store, folder / name, mapping, catalog)
        assert content(store, process) == before
    assert sorted(path.name for path in folder.iterdir()) == [name for _, name in FORMS]


def test_the_example_of_the_standard_comes_back(
    store: Store, real_data_dir: Path, tmp_path: Path
) -> None:
    path = real_data_dir / "ocel20-example.json"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {real_data_dir}")
    catalog = load_catalog(HEALTHCARE)
    imported(store, path, read_mapping(EXAMPLE), catalog)
    comes_back(store, "requisition_to_payment", catalog, tmp_path)
    log = load_json(tmp_path / "log.json")
    raw = json.loads(path.read_text(encoding="utf-8"))
    times = {e["id"]: datetime.fromisoformat(e["time"]) for e in raw["events"]}
    assert {e["id"]: datetime.fromisoformat(e["time"]) for e in log["events"]} == {
        f"e{n}": times[f"e{n}"] for n in range(1, 9)
    }
    related = {o["id"]: [r["objectId"] for r in o["relationships"]] for o in log["objects"]}
    assert related == {
        "PR1": ["PO1"], "PO1": ["R1", "R2"], "R1": ["P1"], "R2": ["P2"], "P1": [], "P2": [],
    }  # fmt: skip


def test_a_generated_log_comes_back(store: Store, tmp_path: Path) -> None:
    catalog = load_catalog(HEALTHCARE)
    source = tmp_path / "in" / "log.json"
    source.parent.mkdir()
    write_ocel(source, seed=11, requisitions=60)
    imported(store, source, read_mapping(EXAMPLE), catalog)
    shutil.rmtree(source.parent)
    comes_back(store, "requisition_to_payment", catalog, tmp_path)
    # Without a mapping of ours, too: names are ours, and our attributes are known.
    wipe(store)
    plain = LogMapping(source="/x")
    imported(store, tmp_path / "log.sqlite", plain, catalog)
    assert len(content(store, "requisition_to_payment")["instances"]) == 60


def awkward(store: Store, catalog: Catalog) -> None:
    """Requisitions whose ids and events are anything but distinct."""
    rows = []

    def happens(id_: str, milestone: str, minutes: int, *objects: str, **given: Any) -> None:
        pairs = [one.split("|", 1) for one in objects]
        rows.append(
            Milestone(
                id=id_,
                milestone=milestone,
                occurred_at=T0 + timedelta(minutes=minutes),
                objects=tuple(ObjectRef(type=type_, id=name) for type_, name in pairs),
                **{"source": "/erp"} | given,
            )
        )

    for number in range(12):
        mine, order = f"requisition|{number}", f"order|p{number // 3}"
        site = {"site": "west" if number % 2 else "east"}
        happens(f"{number}", "created", number, mine, attributes={"ward": "A", "amount": "12.50"})
        refused = {"outcome": Outcome.REJECTED, "reason": "over\nbudget, 'really'"}
        happens(f"a{number}", "approved", 20, mine, **refused)
        # Two sources, one instant, one milestone: who comes last decides the ward.
        happens(f"{number}", "approved", 30, mine, source="/b", attributes={"ward": "B"})
        happens(f"{number}", "approved", 30, mine, source="/a", attributes={"ward": "C"})
        happens(f"o{number}", "ordered", 40 + number, mine, order, attributes=site)
        happens(f"r{number}", "received", 90, order, f"receipt|{number}", attributes=site)
    happens("all", "ordered", 70, *(f"requisition|{n}" for n in range(12)), "order|all")
    happens("x", "created", 5, "requisition|order:P1", "order|a|b%c#ü")
    segment = segment_number(new_stream(), 1)
    store.insert_arrow("milestones", milestone_table(rows, segment=segment, recorded_at=T0))
    finish_segment(store, segment=segment, signal=Signal.MILESTONES, rows=len(rows), finished_at=T0)
    Correlator(store, catalog).run(NOW)


def test_what_is_awkward_comes_back_and_filters_choose(store: Store, tmp_path: Path) -> None:
    catalog = Catalog(processes={"supply": SUPPLY})
    awkward(store, catalog)
    folder = tmp_path / "whole"
    folder.mkdir()
    comes_back(store, "supply", catalog, folder)
    log = load_json(folder / "log.json")
    assert "order@west:P1" in {item["id"] for item in log["objects"]}
    # What a filter leaves out stays out, but for objects that an event of the others names.
    chosen = {"facets": {"site": "east"}, "started_from": T0 + timedelta(minutes=4)}
    chosen["started_to"] = T0 + timedelta(minutes=9)
    result = exported(store, SUPPLY, tmp_path / "part.json.gz", "json", **chosen)
    assert result.instances == 3
    with gzip.open(tmp_path / "part.json.gz", "rt", encoding="utf-8") as file:
        part = json.load(file)
    check_json(part)
    created = [e for e in part["events"] if e["type"] == "created"]
    assert sorted(e["relationships"][0]["objectId"] for e in created) == [
        "requisition:4", "requisition:6", "requisition:8",
    ]  # fmt: skip
    known = [o for o in part["objects"] if o["type"] == "requisition"]
    assert sorted(o["id"] for o in known if o["attributes"]) == [
        "requisition:4", "requisition:6", "requisition:8",
    ]  # fmt: skip
    assert len(known) == 12


Named = tuple[str, str, tuple[str, ...], dict[str, str], str]
"""An event: id, milestone, objects (type|id), attributes, trace; a minute after the one before."""


def happened(store: Store, catalog: Catalog, *events: Named) -> None:
    rows = [
        Milestone(
            id=id_,
            source="/erp",
            milestone=milestone,
            occurred_at=T0 + timedelta(minutes=minute),
            objects=tuple(ObjectRef(type=t, id=i) for t, _, i in (o.partition("|") for o in about)),
            attributes=attributes,
            trace_id=trace,
        )
        for minute, (id_, milestone, about, attributes, trace) in enumerate(events)
    ]
    segment = segment_number(new_stream(), 1)
    store.insert_arrow("milestones", milestone_table(rows, segment=segment, recorded_at=T0))
    finish_segment(store, segment=segment, signal=Signal.MILESTONES, rows=len(rows), finished_at=T0)
    Correlator(store, catalog).run(NOW)


def decided(store: Store, action: str, x: str, y: str) -> None:
    decision = {"id": action, "at": T0, "actor": "ada", "action": action, "undoes": ""}
    decision |= {"environment": "production", "process": "supply"}
    store.insert("link_decisions", [decision | {"from_objects": [x], "to_objects": [y]}])


def test_what_only_a_person_linked_comes_back_in_its_scope(store: Store, tmp_path: Path) -> None:
    catalog = Catalog(processes={"supply": SUPPLY})
    decided(store, "accept", "production|requisition||1", "production|order|west|P1")
    happened(
        store,
        catalog,
        ("1", "created", ("requisition|1",), {"ward": "A"}, ""),
        ("2", "received", ("order|p1",), {"site": "west"}, ""),
    )
    assert content(store, "supply")["instances"][0]["status"] == "completed"
    comes_back(store, "supply", catalog, tmp_path)


def test_what_an_event_of_no_process_linked_comes_back(store: Store, tmp_path: Path) -> None:
    """Such an event is nobody's member, so it is not in the log."""
    catalog = Catalog(processes={"supply": SUPPLY})
    happened(
        store,
        catalog,
        ("1", "created", ("requisition|1",), {"ward": "A"}, ""),
        ("2", "handed_over", ("requisition|1", "order|A"), {"site": "west"}, ""),
        ("3", "received", ("order|A",), {"site": "west"}, ""),
    )
    assert content(store, "supply")["instances"][0]["status"] == "completed"
    comes_back(store, "supply", catalog, tmp_path)


def test_instances_come_back_to_their_versions(store: Store, tmp_path: Path) -> None:
    later = SUPPLY.model_copy(
        update={
            "version": 2,
            "effective_from": T0.date(),
            "completes_with": Completion(milestone="ordered"),
        }
    )
    catalog = Catalog(processes={"supply": later}, earlier={"supply": (SUPPLY,)})
    elsewhere = Milestone(
        id="0", source="/crm", milestone="asked", occurred_at=T0 - timedelta(days=1),
        objects=(ObjectRef(type="requisition", id="1"),),
    )  # fmt: skip
    segment = segment_number(new_stream(), 1)
    table = milestone_table([elsewhere], segment=segment, recorded_at=T0)
    store.insert_arrow("milestones", table)
    finish_segment(store, segment=segment, signal=Signal.MILESTONES, rows=1, finished_at=T0)
    happened(
        store,
        catalog,
        ("1", "created", ("requisition|1",), {}, ""),
        ("2", "created", ("requisition|2",), {}, ""),
        ("3", "ordered", ("requisition|1", "requisition|2", "order|A"), {}, ""),
    )
    statuses = [one["status"] for one in content(store, "supply")["instances"]]
    assert statuses == ["open", "completed"]
    comes_back(store, "supply", catalog, tmp_path, first_mentions=True)


def test_what_is_no_link_is_no_relation(store: Store, tmp_path: Path) -> None:
    once = SUPPLY.paths[1].model_copy(update={"cardinality": "one_to_many"})
    process = SUPPLY.model_copy(update={"paths": (SUPPLY.paths[0], once)})
    catalog = Catalog(processes={"supply": process})
    decided(store, "block", "production|requisition||1", "production|order||C")
    happened(
        store,
        catalog,
        ("1", "created", ("requisition|1",), {}, "several"),
        ("2", "created", ("requisition|2",), {}, "several"),
        ("3", "ordered", ("order|A",), {}, "several"),
        ("4", "ordered", ("requisition|1", "order|A"), {}, ""),
        ("5", "ordered", ("requisition|2", "order|B"), {}, ""),
        ("6", "received", ("order|A", "receipt|G"), {}, ""),
        ("7", "received", ("order|B", "receipt|G"), {}, ""),  # refused: the receipt is of A
        ("8", "created", ("requisition|1",), {}, "blocked"),
        ("9", "ordered", ("order|C",), {}, "blocked"),
    )
    states = store.rows("SELECT state FROM ambiguous_links FINAL WHERE state != '' ORDER BY state")
    assert [row["state"] for row in states] == ["blocked", "refused", "unsure"]
    result = exported(store, process, tmp_path / "log.json", "json")
    log = load_json(tmp_path / "log.json")
    assert {o["id"]: [r["objectId"] for r in o["relationships"]] for o in log["objects"]} == {
        "1": ["A"], "2": ["B"], "A": ["G"], "B": [], "G": [],
    }  # fmt: skip
    assert result.totals.unshown == 0


def test_chunks_are_small_and_hold_everything(any_store: Store) -> None:
    catalog = Catalog(processes={"supply": SUPPLY})
    awkward(any_store, catalog)
    wanted = ExportFilter(environment="production", process="supply")
    whole = list(ExportReader(any_store).chunks(wanted, now=NOW))
    small = list(ExportReader(any_store, instances=5, members=14).chunks(wanted, now=NOW))
    assert (len(whole), ExportReader(any_store).count(wanted)) == (1, 13)
    assert max(len(chunk.instances) for chunk in small) == 2
    assert [i for chunk in small for i in chunk.instances] == list(whole[0].instances)
    for some in ("events", "links"):
        union = {repr(one) for chunk in small for one in getattr(chunk, some)}
        assert union == {repr(one) for one in getattr(whole[0], some)}
    nobody = ExportFilter(environment="test", process="supply")
    assert list(ExportReader(any_store).chunks(nobody, now=NOW)) == []


def test_a_file_is_replaced_when_all_is_written_or_not_at_all(store: Store, tmp_path: Path) -> None:
    catalog = Catalog(processes={"supply": SUPPLY})
    awkward(store, catalog)
    path = tmp_path / "log.json"
    path.write_text("before")

    def killed(_: ExportProgress) -> None:
        raise KeyboardInterrupt

    wanted = ExportFilter(environment="production", process="supply")
    with pytest.raises(KeyboardInterrupt):
        export_process(store, SUPPLY, wanted, path, form="json", now=NOW, progress=killed)
    assert [p.name for p in tmp_path.iterdir()] == ["log.json"]
    assert path.read_text() == "before"
    exported(store, SUPPLY, path, "json")
    first = path.read_bytes()
    exported(store, SUPPLY, path, "json")
    assert path.read_bytes() == first
    with pytest.raises(InstallationError, match=r"nowhere.*cannot be written: No such file"):
        exported(store, SUPPLY, tmp_path / "nowhere" / "log.json", "json")


def test_on_the_command_line(lone_engine_url: str, tmp_path: Path) -> None:
    source = tmp_path / "log.json"
    write_ocel(source, seed=2, requisitions=20)
    with Store(lone_engine_url) as store:
        migrate(store)
        imported(store, source, read_mapping(EXAMPLE), load_catalog(HEALTHCARE))
    where = ["--store", lone_engine_url, "--data", str(tmp_path), "--config", str(HEALTHCARE)]
    process = ["--process", "requisition_to_payment"]
    for name, read in (("out.json", load_json), ("out.sqlite", read_sqlite)):
        file, mapping = tmp_path / name, tmp_path / f"{name}.yaml"
        command = ["export", *process, str(file), "--mapping", str(mapping), *where]
        done = CliRunner().invoke(suture, command)
        assert done.exit_code == 0, done.output
        log = read(file)
        assert done.stdout == (
            f"{file}: 20 instances, {len(log['events'])} events, {len(log['objects'])} objects,"
            f" {sum(len(o['relationships']) for o in log['objects'])} relations\n"
        )
        assert read_mapping(mapping).source == "/import/export-of-requisition_to_payment"
        assert yaml.safe_load(mapping.read_text())["format"] == "ocel"
    forced = ["--format", "ocel-sqlite", "--from", "2022-06-01", "--to", "2022-07-01T00:00:00Z"]
    done = CliRunner().invoke(suture, ["export", *process, *forced, str(tmp_path / "part"), *where])
    assert done.exit_code == 0, done.output
    assert read_sqlite(tmp_path / "part")["objectTypes"]
    for wrong, said in (
        (["--process", "none"], "there is no process 'none' in the configuration; there is proc"),
        ([*process, "--facet", "ward=A"], "requisition_to_payment declares no 'ward'; it has none"),
        ([*process, "--facet", "ward"], "'ward' is not NAME=VALUE"),
        ([*process, "--from", "soon"], "'soon' is no time such as 2026-11-22"),
        ([*process, "--from", "2022-06-01T08:00:00"], "is no time such as 2026-11-22"),
    ):
        done = CliRunner().invoke(suture, ["export", *wrong, str(tmp_path / "x"), *where])
        assert done.exit_code != 0
        assert said in f"{done.output}{done.exception}", done.output
        assert not (tmp_path / "x").exists()
