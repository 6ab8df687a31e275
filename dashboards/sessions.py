"""Sessions of the pages: a signed cookie that says until when its holder may look.

Pure. The signing key is derived from the API key, so that a new API key ends every session.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

COOKIE = "suture_session"
LIFETIME = timedelta(hours=12)

_PURPOSE = b"suture session v1"


def issue(api_key: str, now: datetime) -> str:
    """A cookie value that is valid for `LIFETIME`."""
    expires = str(int((now + LIFETIME).timestamp()))
    return f"{expires}.{_signature(api_key, expires)}"


def holds(api_key: str, cookie: str, now: datetime) -> bool:
    """Whether a cookie value was issued under this key and has not expired."""
    expires, _, signature = cookie.partition(".")
    expected = _signature(api_key, expires)
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        return False
    return int(expires) > now.timestamp()


def same_key(given: str, api_key: str) -> bool:
    """Whether two keys are the same, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode(), api_key.encode())


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


def _signature(api_key: str, text: str) -> str:
    key = hmac.digest(api_key.encode(), _PURPOSE, hashlib.sha256)
    digest = hmac.digest(key, text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
