"""What only the embedded engine needs: its lock explained, and a place for the driver's files."""

import fcntl
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suture.errors import InstallationError, StoreLocked, SutureError

_OWNER = re.compile(r"PID: (\d+)")


def holds_store(path: Path) -> bool:
    """Whether the engine has ever been opened on `path`; looks without making anything."""
    return (path / "metadata").is_dir()


def explain_failed_open(path: Path, error: Exception) -> SutureError:
    """Why the engine would not open `path`.

    The engine writes the reason to standard error and raises without it, so its lock is tried here.
    """
    if "already initialized with path" in str(error):
        return InstallationError(
            f"{path}: this process has another embedded store open; the engine allows one at a time"
        )
    if (owner := _lock_owner(path)) is not None:
        return _locked(path, owner)
    reason = str(error).split("Code: ")[-1].split(", Stack trace", 1)[0].split("\n", 1)[0]
    return InstallationError(f"{path}: the embedded store cannot be opened: {reason}")


def require_unlocked(path: Path) -> None:
    """Raise StoreLocked where another process that lives owns the store.

    The engine would say so on standard error, in its own words. Its lock is only tried where its
    file names such a process: else this try could itself keep somebody from opening the store.
    """
    if (owner := _named_owner(path)) is None or owner == os.getpid() or not _lives(owner):
        return
    if (held_by := _lock_owner(path)) is not None:
        raise _locked(path, held_by)


def _locked(path: Path, owner: str) -> StoreLocked:
    return StoreLocked(
        f"{path}: {owner} owns this embedded store; stop it, or use its doors instead"
    )


def _named_owner(path: Path) -> int | None:
    """The process that the file of the engine's lock names, which may have ended since."""
    try:
        found = _OWNER.search((path / "status").read_text(encoding="utf-8"))
    except OSError:
        return None
    return int(found[1]) if found else None


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It lives, and belongs to somebody else.
    return True


def _lock_owner(path: Path) -> str | None:
    """Who holds the engine's lock, or None if nobody does."""
    try:
        with (path / "status").open() as status:
            try:
                fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = _OWNER.search(status.read())
                return f"process {owner[1]}" if owner else "another process"
    except OSError:
        return None
    return None


def claim_scratch(path: Path) -> str | None:
    """Let the driver keep its temporary files beside the store; call it as the store's owner.

    Inserts reach the embedded engine through temporary files, and a killed process leaves some
    behind, which may hold what is only meant to be stored in redacted form. So they have a
    directory that only this account can read, which is swept when the store opens. Returns the
    directory in use before.
    """
    scratch = _scratch(path)
    try:
        scratch.mkdir(mode=0o700, exist_ok=True)
        for leftover in scratch.glob("tmp*"):
            leftover.unlink(missing_ok=True)
    except OSError as error:
        raise InstallationError(f"{scratch}: cannot be used: {error.strerror}") from error
    previous, tempfile.tempdir = tempfile.tempdir, str(scratch)
    return previous


def release_scratch(path: Path, previous: str | None) -> None:
    """Undo `claim_scratch`, unless somebody else has claimed the place since."""
    if tempfile.tempdir == str(_scratch(path)):
        tempfile.tempdir = previous


def with_schema_file(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an insert in which a format's schema is a file beside the store.

    Given as text, the embedded engine would write it into the working directory, wherever that is
    and whether or not it may. (In a path with a colon there is no other way.)
    """
    settings = dict(settings)
    if settings.get("format_schema_source") != "string" or ":" in str(path):
        return settings
    del settings["format_schema_source"]
    text, message = settings["format_schema"], settings.pop("format_schema_message_name")
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    file = _scratch(path) / f"schema-{name}.proto"
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        partial = file.with_name(f"tmp-{name}-{threading.get_ident()}")
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    return settings | {"format_schema": f"{file}:{message}"}


def _scratch(path: Path) -> Path:
    return path.parent / f"{path.name}.tmp"
