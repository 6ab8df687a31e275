"""The generic signed webhook.

A POST with the notification as JSON and these headers:

- `Idempotency-Key`: the same at every attempt of one notification
- `Suture-Signature: t=<unix seconds>,v1=<hex>`: HMAC-SHA256 of `<t>.<body>` under the shared
  secret, fresh at every attempt. Receivers compare it in constant time and refuse an old `t`.

Any 2xx is a receipt. 408, 425, 429 and 5xx are tried again, after `Retry-After` where it is given;
everything else, a redirect too, is final: the address has to be corrected by a person.
"""

import hashlib
import hmac
import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from suture.contracts.alert import Delivery
from suture.errors import DeliveryDeferred, DeliveryRejected, InstallationError

TIMEOUT_SECONDS = 10.0
SIGNATURE_HEADER = "Suture-Signature"
_AGAIN = frozenset({408, 425, 429})
_EXCERPT = 200


class WebhookChannel:
    """Posts notifications to one address."""

    name = "webhook"

    def __init__(
        self, url: str, *, secret: str | None, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Post to `url`, signed with `secret` (unsigned without one).

        `timeout_seconds` bounds connecting, sending and waiting for the answer, each. Raises
        InstallationError when the address is not one of http or https.
        """
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise InstallationError(f"webhook_url {url!r}: {error}") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise InstallationError(f"webhook_url {url!r}: expected http(s)://host/path")
        self._url = parsed
        self._secret = secret
        self._client = httpx2.Client(timeout=timeout_seconds, follow_redirects=False)

    def send(self, delivery: Delivery, now: datetime) -> None:
        """Post once; raises DeliveryRejected or DeliveryDeferred unless it was received."""
        body = delivery.body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "suture",
            "Idempotency-Key": delivery.key,
        }
        if self._secret is not None:
            headers[SIGNATURE_HEADER] = signature(self._secret, body, now)
        try:
            with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                _check(response, now)
        except httpx2.RequestError as error:
            # The address may hold a token, so only its host is ever shown.
            kind = type(error).__name__
            raise DeliveryDeferred(f"{self._url.host}: {kind}: {error}") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def signature(secret: str, body: bytes, now: datetime) -> str:
    """The value of the signature header for a body sent at `now`."""
    unix = math.floor(now.timestamp())
    digest = hmac.new(secret.encode(), f"{unix}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={unix},v1={digest}"


def _check(response: httpx2.Response, now: datetime) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    said = next(response.iter_bytes(_EXCERPT), b"").decode(errors="replace")
    message = f"HTTP {status}" + (f": {said}" if said else "")
    if status not in _AGAIN and status < 500:
        raise DeliveryRejected(message)
    seconds = retry_after(response.headers.get("Retry-After"), now)
    raise DeliveryDeferred(message, retry_after_seconds=seconds)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` asks for: a number or an HTTP date; None for anything else."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
