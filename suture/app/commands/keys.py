"""`suture keys`: make, list, revoke and rotate API keys."""

import json
import os
import pwd
import re
import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import click

from suture.access.key_file import KeyFile
from suture.app.commands.options import common_options, settings_from
from suture.clock import SystemClock, parse_time, rfc3339
from suture.contracts.access import KeyRecord, Rates, Scope
from suture.definitions.values import parse_duration
from suture.errors import InvalidInput

_UNITS = {"B": 1, "KIB": 1024, "MIB": 1024**2, "KB": 1000, "MB": 1000**2}
_RATE = re.compile(r"(\d+(?:\.\d+)?) ?(requests|B|KiB|MiB|kB|MB)(?:/s)?", re.IGNORECASE)


@click.group()
def keys() -> None:
    """API keys: who may send, read, operate, administer."""


@keys.command("create")
@common_options("data")
@click.option("--name", required=True, help="What or whom it is for; unique among live keys.")
@click.option(
    "--scope",
    "scopes",
    required=True,
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may be used for; may be repeated.",
)
@click.option(
    "--expires", help="When it ends: 90d from now, or a date or time. Never, if not given."
)
@click.option(
    "--rate",
    "rates",
    multiple=True,
    help="Most it may take a second: 100requests, 5MiB; may be repeated.",
)
def create(
    name: str, scopes: Sequence[str], expires: str | None, rates: Sequence[str], **options: Any
) -> None:
    """Make a key and print it. It is shown this once: only a hash of it is kept."""
    file, now = _file(options), SystemClock().now()
    first = not file.records()
    token = file.create(
        name=name,
        scopes=frozenset(Scope(scope) for scope in scopes),
        now=now,
        by=_who(),
        expires_at=_expiry(expires, now) if expires else None,
        rates=_rates(rates),
    )
    _say(f"key {token.id} made; it works within seconds, and is not shown again:")
    click.echo(str(token))
    if first:
        _say("it is the first key: from now on every door asks for one, on this machine too")


@keys.command("list")
@common_options("data")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_keys(as_json: bool, **options: Any) -> None:
    """List all keys, the ended ones too. Secrets are not known."""
    now = SystemClock().now()
    records = _file(options).records()
    for record in records:
        shown = _shown(record, now)
        if as_json:
            click.echo(json.dumps(shown))
            continue
        rates = " ".join(f"{value:,.10g} {unit}/s" for unit, value in shown["rates"].items())
        words = [
            record.id,
            f"{shown['state']:<7}",
            f"{record.name:<24}",
            ",".join(shown["scopes"]),
            *([rates] if rates else []),
            f"made {_day(record.created_at)} by {record.created_by}",
            f"used {_minute(record.last_used_at)}" if record.last_used_at else "never used",
            *([f"expires {_minute(record.expires_at)}"] if record.expires_at else []),
            *(
                [f"revoked {_minute(record.revoked_at)} by {record.revoked_by}"]
                if record.revoked_at
                else []
            ),
            *(
                [f"replaced secret ends {_minute(record.overlap_until)}"]
                if record.overlap_until and record.overlap_until > now
                else []
            ),
        ]
        click.echo("  ".join(words))
    if not records:
        click.echo("none", err=True)


@keys.command("revoke")
@common_options("data")
@click.argument("key")
def revoke(key: str, **options: Any) -> None:
    """End a key, named by its id or name, for good."""
    record = _file(options).revoke(key, now=SystemClock().now(), by=_who())
    _say(f"key {record.id} ({record.name}) is revoked; every door refuses it within seconds")


@keys.command("rotate")
@common_options("data")
@click.argument("key")
@click.option(
    "--overlap",
    default="24h",
    show_default=True,
    help="How long the present secret stays good; 0s ends it at once.",
)
def rotate(key: str, overlap: str, **options: Any) -> None:
    """Give a key, named by its id or name, a new secret and print it, this once."""
    now = SystemClock().now()
    until = now + (timedelta(0) if overlap in ("0", "0s") else _duration("overlap", overlap))
    token = _file(options).rotate(key, now=now, by=_who(), overlap_until=until)
    _say(f"key {token.id} has a new secret; the present one is good until {_minute(until)}:")
    click.echo(str(token))


def _file(options: dict[str, Any]) -> KeyFile:
    return KeyFile(settings_from(options).access_path)


def _who() -> str:
    """The account that runs this, for the record."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def _expiry(text: str, now: datetime) -> datetime:
    """`90d` from now, or a date or time as the API takes it."""
    try:
        return now + parse_duration(text)
    except ValueError as no_duration:
        try:
            return parse_time(text)
        except ValueError:
            message = f"expires: {no_duration}, nor a time such as 2026-11-22T09:00:00Z"
            raise InvalidInput(message) from no_duration


def _duration(field: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"{field}: {error}") from error


def _rates(texts: Sequence[str]) -> Rates:
    rates = Rates()
    for text in texts:
        found = _RATE.fullmatch(text.strip())
        if found is None:
            raise InvalidInput(f"rate: {text!r} is none such as 100requests or 5MiB")
        amount, unit = float(found[1]), found[2].upper()
        if unit == "REQUESTS":
            rates = replace(rates, requests=amount)
        else:
            rates = replace(rates, bytes=amount * _UNITS[unit])
    return rates


def _shown(record: KeyRecord, now: datetime) -> dict[str, Any]:
    times = {
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "revoked_at": record.revoked_at,
        "rotated_at": record.rotated_at,
        "overlap_until": record.overlap_until,
        "last_used_at": record.last_used_at,
    }
    rates = {"requests": record.rates.requests, "bytes": record.rates.bytes}
    return {
        "id": record.id,
        "name": record.name,
        "state": record.state(now),
        "scopes": sorted(record.scopes),
        "rates": {unit: value for unit, value in rates.items() if value is not None},
        "created_by": record.created_by,
        "revoked_by": record.revoked_by,
        **{name: rfc3339(at) if at else None for name, at in times.items()},
    }


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _say(text: str) -> None:
    """For the person, not for a pipe that takes the key."""
    click.echo(text, err=True)
