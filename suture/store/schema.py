"""The schema as numbered SQL files: what they say, for one node or a cluster, and their review.

The same files serve one node and a cluster. Holes are filled from the target:

- `{{on_cluster}}`: `ON CLUSTER …` or nothing; every statement has it
- `{{engine X(args)}}`: the engine, replicated on a cluster
- `{{durable}}`: settings of facts. Their rows are on disk when an insert returns, since the spool
  then forgets them, and an insert repeated under its token counts once.
- `{{synced}}`: settings of every other table that keeps rows: they are on disk when an insert
  returns. Decisions and their history cannot be computed again. What is derived could be, but
  nobody would know: a stage writes its rows, then its cursor, and without a sync in between a power
  cut may keep the cursor and lose the rows. Merged parts need no sync, as the engine keeps what it
  merged for eight minutes.
- `{{otlp value}}`, `{{otlp attributes}}`, `{{otlp exemplars}}`: types of landing tables, as the
  engine has no type aliases
- `{{tuple.field}}`, as deep as it goes: an element of a tuple, by its function. With plain dots the
  engine looks through all fields of the whole request's type for each one, so that a small insert
  takes up to twice as long; and parameters of functions cannot have any.
- `{{ttl family}}`: the retention of a table family in days. The clause stands on a line of its own
  that begins with `TTL`, so that a changed setting can be applied to an existing table.

A cluster is one shard of several replicas: `ON CLUSTER` creates everything on each of them, each
keeps all rows, and there are no Distributed tables. Functions belong to no database, so their names
begin with `suture_`. A process should keep talking to one replica, or it may not read its own
writes.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import pairwise

from suture.errors import MigrationError

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")
_ENGINE = re.compile(r"\{\{engine (\w+)(?:\((.*?)\))?\}\}")
_DAYS = re.compile(r"\{\{ttl (\w+)\}\}")
_FIELD = re.compile(r"\{\{(\w+(?:\.\w+)+)\}\}")
_LEFT_OPEN = re.compile(r"\{\{[^}]*\}\}")
_RETENTION = re.compile(r"^TTL (?P<clause>.*\{\{ttl (?P<family>\w+)\}\}.*?);?$", re.MULTILINE)
_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_SYNCED = "fsync_after_insert = 1, fsync_part_directory = 1"
_DURABLE = f"{_SYNCED}, non_replicated_deduplication_window = 1000"
_SCALARS = (
    "string_value String, bool_value Bool, int_value Int64, double_value Float64, "
    "bytes_value String"
)
# Which member of the union was sent, so that '' and 0 differ from nothing.
_MEMBER = (
    "value Enum8('no' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, "
    "'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7)"
)
_INNER = f"Tuple({_MEMBER}, {_SCALARS})"
_VALUE = (
    f"Tuple({_MEMBER}, {_SCALARS}, array_value Tuple(values Array({_INNER})), "
    f"kvlist_value Tuple(values Array(Tuple(key String, value {_INNER}))))"
)
_ATTRIBUTES = f"Array(Tuple(key String, value {_VALUE}))"
_OTLP_TYPES = {
    "value": _VALUE,
    "attributes": _ATTRIBUTES,
    "exemplars": (
        "Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, span_id String, "
        f"trace_id String, filtered_attributes {_ATTRIBUTES}))"
    ),
}
_REPLICA_PATH = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
_TOKEN = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|;|[^'\"`;/-]+|.",
    re.DOTALL,
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`", re.DOTALL)

_DANGER_LINE = re.compile(r"^-- danger: \S+", re.MULTILINE)
_DANGEROUS = re.compile(
    r"\b(DROP|TRUNCATE|DELETE|UPDATE|INSERT|RENAME|EXCHANGE|DETACH|CLEAR|"
    r"REPLACE\s+(?:TABLE|PARTITION)|MOVE\s+PARTITION|MODIFY\s+(?:ORDER|COLUMN|TTL|ENGINE))\b",
    re.IGNORECASE,
)
_UNREPEATABLE = re.compile(
    r"\bCREATE\s+(?!OR\s+REPLACE\b)(?:MATERIALIZED\s+VIEW|(?!MATERIALIZED)\w+)\s+"
    r"(?!\s|IF\s+NOT\s+EXISTS\b)|"
    r"\bADD\s+(?:COLUMN|INDEX|PROJECTION|CONSTRAINT)\s+(?!\s|IF\s+NOT\s+EXISTS\b)|"
    r"\bDROP\s+\w+\s+(?!\s|IF\s+EXISTS\b)",
    re.IGNORECASE,
)
_PLAIN_ENGINE = re.compile(r"\bENGINE\s*=\s*(?!Replicated)\w*MergeTree\b")


FAMILIES = ("traces", "logs", "metrics")
"""Of tables that do not keep their rows for good."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What the schema is made for: one node, or a named cluster; retention in days by family."""

    cluster: str | None = None
    retention_days: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(FAMILIES, 30))

    @property
    def on_cluster(self) -> str:
        """The clause that makes a statement run on every node."""
        return "" if self.cluster is None else f"ON CLUSTER `{self.cluster}`"


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long a table keeps its rows."""

    table: str
    family: str
    days: int
    clause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.number:04d}_{self.name}"

    @property
    def checksum(self) -> str:
        """SHA-256 of the file as shipped, before holes are filled."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def dangerous(self) -> bool:
        """Whether it says that it deletes, rewrites or moves rows, and why."""
        return _DANGER_LINE.search(self.text) is not None

    def statements(self, target: Target) -> list[str]:
        """The statements for one target; raises MigrationError for a hole that nothing fills."""
        return list(split_statements(self._fill(self.text, target)))

    def retention(self, target: Target) -> Retention | None:
        """The retention of the table it creates, if that has one."""
        clause, table = _RETENTION.search(self.text), _TABLE.search(self.text)
        if clause is None or table is None:
            return None
        return Retention(
            table=table[1],
            family=clause["family"],
            days=self._days(clause["family"], target),
            clause=self._fill(clause["clause"], target),
        )

    def _fill(self, text: str, target: Target) -> str:
        text = _ENGINE.sub(lambda match: _engine(match[1], match[2], target), text)
        text = _DAYS.sub(lambda match: str(self._days(match[1], target)), text)
        text = _FIELD.sub(lambda match: _element(match[1].split(".")), text)
        text = text.replace("{{on_cluster}}", target.on_cluster)
        text = text.replace("{{durable}}", _DURABLE).replace("{{synced}}", _SYNCED)
        for name, type_ in _OTLP_TYPES.items():
            text = text.replace(f"{{{{otlp {name}}}}}", type_)
        if unknown := _LEFT_OPEN.search(text):
            raise MigrationError(f"{self}: nothing is known to fill {unknown[0]}")
        return text

    def _days(self, family: str, target: Target) -> int:
        try:
            return int(target.retention_days[family])
        except KeyError as error:
            raise MigrationError(f"{self}: no retention is set for {family!r}") from error


def shipped() -> list[Migration]:
    """The migrations of this version, in order; raises MigrationError for a number used twice."""
    found = []
    for entry in files("suture.store.migrations").iterdir():
        if match := _FILE.fullmatch(entry.name):
            text = entry.read_text(encoding="utf-8")
            found.append(Migration(number=int(match[1]), name=match[2], text=text))
    found.sort(key=lambda migration: migration.number)
    for one, other in pairwise(found):
        if one.number == other.number:
            raise MigrationError(f"{one} and {other} have one number")
    return found


def review(migration: Migration) -> list[str]:
    """What makes a migration unfit to run: unexplained dangers, statements that cannot be repeated.

    A statement that deletes, rewrites or moves rows needs a line `-- danger: <reason>` in its file.
    """
    everywhere = Target(cluster="review", retention_days=_AnyFamily())
    found = []
    for statement in migration.statements(everywhere):
        bare = _QUOTED.sub("``", statement)
        if (danger := _DANGEROUS.search(bare)) and not migration.dangerous:
            found.append(f"{danger[0]} needs a line '-- danger: <reason>'")
        if again := _UNREPEATABLE.search(bare):
            found.append(f"{again[0].strip()}: cannot be run twice; say IF [NOT] EXISTS")
        if "ON CLUSTER" not in statement and not _DANGEROUS.match(bare):
            found.append(f"{' '.join(statement.split()[:6])}: lacks {{{{on_cluster}}}}")
        if plain := _PLAIN_ENGINE.search(bare):
            found.append(f"{plain[0]}: is not replicated on a cluster; write {{{{engine …}}}}")
    return found


class _AnyFamily(dict[str, int]):
    """A retention for whichever family is asked for."""

    def __missing__(self, family: str) -> int:
        return 1


def split_statements(text: str) -> Iterator[str]:
    """Statements of a script: split at ';' outside quotes and comments, comments removed."""
    current: list[str] = []
    for match in _TOKEN.finditer(text):
        piece = match[0]
        if piece == ";":
            if statement := "".join(current).strip():
                yield statement
            current = []
        elif not piece.startswith(("--", "/*")):
            current.append(piece)
    if statement := "".join(current).strip():
        yield statement


def _element(path: Sequence[str]) -> str:
    element, *fields = path
    for field_ in fields:
        element = f"tupleElement({element}, '{field_}')"
    return element


def _engine(name: str, arguments: str | None, target: Target) -> str:
    if target.cluster is None:
        return name + (f"({arguments})" if arguments else "")
    inner = ", ".join(filter(None, (_REPLICA_PATH, arguments)))
    return f"Replicated{name}({inner})"
