"""Which configuration directory an installation runs on."""

from pathlib import Path

from suture.errors import InstallationError

_HERE = Path(__file__).resolve().parent
_SHIPPED = (
    _HERE / "config" / "healthcare",
    _HERE.parent.parent / "deploy" / "config" / "healthcare",
)
"""The complete example: inside an installed package, or in a checkout."""


def config_dir(chosen: Path | None) -> Path:
    """The chosen directory, or the shipped example where none was; raises InstallationError."""
    if chosen is not None:
        if not chosen.is_dir():
            raise InstallationError(f"configuration directory {chosen} does not exist")
        return chosen
    for folder in _SHIPPED:
        if folder.is_dir():
            return folder
    raise InstallationError("the shipped configuration is missing; name a directory with --config")
