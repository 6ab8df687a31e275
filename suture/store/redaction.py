"""Where telemetry enters the store, and how it is redacted on the way.

Rows are made of OTLP requests by materialized views over landing tables that keep nothing. Where
rules exist, there is a second landing table, named after them, whose views redact what the plain
ones would have given. Without rules the plain ones are used, and redaction costs nothing.

The rules are literals in the views, since the engine compiles patterns only once that way. The key
is not: it comes with every request of an insert, in the two masked forms that HMAC hashes, and so
reaches neither a definition nor a table.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from suture.definitions.redaction import Redacted, SignalRules
from suture.errors import InstallationError, StoreRefused
from suture.store.engine import Store
from suture.store.queries import load
from suture.store.redaction_sql import RedactingSelect, filled

_SQL = load("redaction")
_BLOCK_BYTES = 64


def hash_pads(key: bytes) -> bytes:
    """The key in the two masked blocks that HMAC-SHA256 hashes first, one after the other."""
    if len(key) > _BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    block = key.ljust(_BLOCK_BYTES, b"\0")
    return bytes(b ^ 0x36 for b in block) + bytes(b ^ 0x5C for b in block)


@dataclass(kw_only=True, slots=True)
class Landing:
    """Where the requests of each signal enter. `rules` and `key` say how they are redacted.

    Tables and views that the rules need are made at the first use, and those of other rules go
    where the store is this process's own.
    """

    store: Store
    rules: Mapping[Redacted, SignalRules] = field(default_factory=dict)
    key: bytes = b""
    on_cluster: str = ""
    _tables: dict[tuple[Redacted, str], str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def table(self, signal: Redacted, plain: str) -> str:
        """The landing table to use in place of `plain`.

        Raises StoreUnavailable, and InstallationError for a pattern that the engine refuses.
        """
        rules = self.rules.get(signal)
        if rules is None or not rules.any:
            return plain
        with self._lock:
            if (signal, plain) not in self._tables:
                self._tables[signal, plain] = self._prepare(rules, plain)
            return self._tables[signal, plain]

    def pads(self, signal: Redacted) -> bytes:
        """What each envelope has to carry; nothing where nothing is redacted."""
        rules = self.rules.get(signal)
        return hash_pads(self.key) if rules is not None and rules.any else b""

    def _prepare(self, rules: SignalRules, plain: str) -> str:
        many = self._require_known(rules)
        wanted: list[tuple[dict[str, str], RedactingSelect]] = []
        readers = self.store.rows(_SQL["readers"], {"landing": plain})
        readers = [reader for reader in readers if "_redacted_" not in reader["name"]]
        for reader in readers:
            found = self.store.rows(_SQL["columns"], {"view": reader["name"]})
            columns = {column["name"]: column["type"] for column in found}
            wanted.append((reader, RedactingSelect(columns, rules, many=many)))
        if not wanted:
            raise InstallationError(f"{plain}: no view reads it, so nothing can be redacted")
        said = [plain]
        for reader, select in wanted:
            said += [select.looking(reader["as_select"], "-"), select.over("-")]
        version = hashlib.sha256("\0".join(said).encode()).hexdigest()[:16]
        name = f"{plain}_redacted_{version}"
        found = self.store.rows(_SQL["landing_columns"], {"landing": plain})
        columns_text = ", ".join(f"`{column['name']}` {column['type']}" for column in found)
        self._run("create_landing", name=name, columns=columns_text)
        here, there = (f"{self.store.database}.{table}" for table in (plain, name))
        for reader, select in wanted:
            source = reader["as_select"].replace(here, there)
            self._create_views(reader, select, source, landing=name, version=version)
        if self.store.embedded:
            self._drop_others(plain, version, [reader["name"] for reader in readers])
        return name

    def _create_views(
        self,
        reader: Mapping[str, str],
        select: RedactingSelect,
        source: str,
        *,
        landing: str,
        version: str,
    ) -> None:
        """From the last step to the first, so that nothing arrives at a step without a next one."""
        name, target = reader["name"], reader["target"]
        marked = f"{name}_marked_redacted_{version}"
        self._run("create_marked", name=marked, columns=select.declared)
        clean = filled("clean_select", columns=select.names, marked=marked)
        for what, text in (("clean", clean), ("hidden", select.over(marked))):
            view = f"{name}_{what}_redacted_{version}"
            self._run("create_view", name=view, target=target, select=text)
        looking = select.looking(source, landing)
        self._run("create_view", name=f"{name}_redacted_{version}", target=marked, select=looking)

    def _require_known(self, rules: SignalRules) -> bool:
        """Check the patterns; says whether the engine can look for all of them at once."""
        for _, pattern in (*rules.keys, *rules.patterns):
            try:
                self.store.rows(_SQL["check_pattern"], {"pattern": pattern})
            except StoreRefused as error:
                message = f"redaction.yaml: the engine refuses {pattern!r}: {error.message}"
                raise InstallationError(message) from error
        sources = [source for _, source in (*rules.keys, *rules.patterns)]
        try:
            self.store.rows(_SQL["check_many"], {"patterns": [f"(?m:{s})" for s in sources]})
        except StoreRefused:
            # Not compiled in, switched off, or a pattern too large for it.
            return False
        return True

    def _drop_others(self, plain: str, version: str, views: list[str]) -> None:
        steps = ("", "_marked", "_clean", "_hidden")
        mine = tuple(f"{n}{step}_redacted_" for n in (plain, *views) for step in steps)
        for row in self.store.rows(_SQL["existing"]):
            if row["name"].startswith(mine) and not row["name"].endswith(version):
                is_view = row["engine"] == "MaterializedView"
                self._run("drop_view" if is_view else "drop_landing", name=row["name"])

    def _run(self, block: str, **holes: str) -> None:
        self.store.execute(filled(block, on_cluster=self.on_cluster, **holes))
