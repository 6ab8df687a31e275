"""The key of the hashes that stand for redacted values."""

import os
import secrets
from pathlib import Path

import structlog

from suture.definitions.catalog import Catalog
from suture.errors import InstallationError
from suture.settings import Settings

FILE = "redaction.key"

_log = structlog.get_logger(__name__)


def redaction_key(settings: Settings, catalog: Catalog) -> str:
    """The key that is set, else the one kept in the data directory, made where there is none.

    Empty where nothing is redacted. A key must stay the same for as long as hashes are to match, so
    one that is made is kept, readable by this account only. Raises InstallationError.
    """
    if not catalog.redaction.rules:
        return ""
    if settings.redaction_key is not None:
        return settings.redaction_key.get_secret_value()
    path = settings.data / FILE
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _kept(path) or _made(path)
    except OSError as error:
        raise InstallationError(f"{path}: {error.strerror or error}") from error


def _kept(path: Path) -> str:
    return path.read_text(encoding="ascii").strip() if path.exists() else ""


def _made(path: Path) -> str:
    key = secrets.token_hex(32)
    partial = path.with_name(f"{FILE}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # Whoever is first wins, so that two processes that start at once use one key.
        os.link(partial, path)
    except FileExistsError:
        return _kept(path)
    finally:
        partial.unlink()
    _log.info("made a key for redaction; set SUTURE_REDACTION_KEY to choose it", file=str(path))
    return key
