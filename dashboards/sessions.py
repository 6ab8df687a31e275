"""Sessions of the pages: a signed cookie that says by which key, and until when, somebody may look.

Pure. A session is as good as the key it was begun with, whose scopes are asked for at every
request: it ends when the key is revoked, replaced or expired. The signing key is made from the
installation's secrets, never from what the file of keys holds: who reads that can sign nothing.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

COOKIE = "suture_session"
LIFETIME = timedelta(hours=12)

_PURPOSE = b"suture session v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """By which key somebody came in: its id, and which of its secrets."""

    key_id: str
    secret_number: int


class Signer:
    """Signs and checks sessions. Another API key, or another secret, ends all of them."""

    def __init__(self, secret: str, api_key: str | None) -> None:
        """`secret` is the installation's; `api_key` is mixed in where there is one."""
        base = hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256)
        self._key = hmac.digest(base, (api_key or "").encode(), hashlib.sha256)

    def issue(self, session: Session, now: datetime) -> str:
        """A cookie value that is valid for `LIFETIME`."""
        expires = int((now + LIFETIME).timestamp())
        text = f"{session.key_id}.{session.secret_number}.{expires}"
        return f"{text}.{self._signature(text)}"

    def read(self, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie value; None where it was not issued here, or has expired."""
        text, _, signature = cookie.rpartition(".")
        expected = self._signature(text)
        if not hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode()):
            return None
        key_id, number, expires = text.rsplit(".", 2)
        if int(expires) <= now.timestamp():
            return None
        return Session(key_id=key_id, secret_number=int(number))

    def _signature(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode("utf-8", "replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def cookie_of(header: str) -> str:
    """The session's value in a Cookie header; empty where there is none."""
    for pair in header.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def local_path(target: str, *, below: str) -> str:
    """`target` where it is a path of ours below `below`, else `below` itself: no open redirects."""
    safe = target.startswith(below) and "\\" not in target and not any(ord(c) < 33 for c in target)
    return target if safe else below
