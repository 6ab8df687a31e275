"""Where a store is: the address people write, read into its parts."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from suture.errors import InstallationError

DEFAULT_DATABASE = "suture"
FORMS = "chdb:///absolute/directory[?database=name] or http(s)://user:password@host:8123[/database]"

_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_RESERVED = frozenset({"default", "system", "information_schema", "INFORMATION_SCHEMA"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """Where a store is: a directory of the embedded engine, or a server."""

    database: str
    path: Path | None = None
    host: str = ""
    port: int = 0
    secure: bool = False
    user: str = "default"
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> "StoreAddress":
        """Read an address; a user, password or path may hold percent-encoded characters.

        Raises InstallationError, which never shows a password, for anything else.
        """
        try:
            parts = urlsplit(url)
            if parts.scheme == "chdb":
                return cls._embedded(parts)
            if parts.scheme in ("http", "https") and parts.hostname:
                return cls._server(parts)
        except ValueError:
            # What the parser says may quote a piece of the password, so it is not passed on.
            hint = "percent-encode special characters in user and password"
            raise InstallationError(f"the store's address must be {FORMS}; {hint}") from None
        raise InstallationError(f"the store's address must be {FORMS}")

    @classmethod
    def _embedded(cls, parts: SplitResult) -> "StoreAddress":
        if parts.netloc or not parts.path.startswith("/") or parts.path == "/":
            raise _wrong("expected three slashes and an absolute directory after chdb:")
        path = Path(unquote(parts.path))
        if "?" in str(path):
            # The engine itself takes what follows a question mark for options.
            raise _wrong(f"the embedded engine cannot open a path with '?': {path}")
        options = parse_qs(parts.query, keep_blank_values=True)
        names = options.pop("database", [DEFAULT_DATABASE])
        if options:
            raise _wrong(f"unknown option {min(options)!r}; known is 'database'")
        return cls(database=_require_own_database(names[0]), path=path)

    @classmethod
    def _server(cls, parts: SplitResult) -> "StoreAddress":
        if parts.query or parts.fragment:
            raise _wrong("a server's address takes no options; quote '?' and '#' in a password")
        secure = parts.scheme == "https"
        return cls(
            database=_require_database(unquote(parts.path.strip("/")) or DEFAULT_DATABASE),
            host=parts.hostname or "",
            port=parts.port or (8443 if secure else 8123),
            secure=secure,
            user=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
        )

    def with_database(self, database: str) -> str:
        """The address, as text, of another database in the same place."""
        if self.path is not None:
            return embedded_url(self.path, database=database)
        scheme = "https" if self.secure else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"{scheme}://{login}@{host}:{self.port}/{database}"

    def __str__(self) -> str:
        """For messages: without user and password."""
        if self.path is not None:
            return f"chdb://{self.path} (database {self.database})"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.secure else ''}://{host}:{self.port}/{self.database}"


def embedded_url(path: Path, *, database: str = DEFAULT_DATABASE) -> str:
    """The address of an embedded store in the directory `path`, which may hold any character."""
    suffix = "" if database == DEFAULT_DATABASE else f"?database={database}"
    return f"chdb://{quote(str(path.absolute()))}{suffix}"


def _wrong(message: str) -> InstallationError:
    return InstallationError(f"the store's address: {message}")


def _require_database(name: str) -> str:
    if not _DATABASE.fullmatch(name):
        raise _wrong(f"{name!r} is not a database's name")
    return name


def _require_own_database(name: str) -> str:
    # The embedded engine's `default` is an overlay that refuses some kinds of views.
    if name in _RESERVED:
        raise _wrong(f"the database {name!r} belongs to the engine; choose a name of your own")
    return _require_database(name)
