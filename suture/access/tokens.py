"""What a key looks like, and how its secret is kept. Pure.

A key is `sut_<id>_<secret>`. The id finds its record and is no secret. The secret is 256 random
bits, and what is stored is an HMAC-SHA256 of it under a salt of its own. A slow hash such as bcrypt
or Argon2 would be wrong here: those make up for passwords that can be guessed, and 256 random bits
cannot be, at any speed; but every request would pay for it, and a few hundred requests with wrong
keys would keep a processor busy.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

PREFIX = "sut"
SALT_BYTES = 16
_ID_BYTES = 5
_SECRET_BYTES = 32
_LONGEST = 200
_WITHOUT_RECORD = bytes(SALT_BYTES)


@dataclass(frozen=True, slots=True)
class Token:
    """A key in its two parts. The secret does not show in logs or messages."""

    id: str
    secret: str

    def __str__(self) -> str:
        """The key as its holder sends it."""
        return f"{PREFIX}_{self.id}_{self.secret}"

    def __repr__(self) -> str:
        """The key without its secret."""
        return f"Token({self.id!r})"


@dataclass(frozen=True, slots=True)
class Digest:
    """What is stored of a secret."""

    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, secret: str) -> "Digest":
        """Of a secret, under a new salt."""
        salt = secrets.token_bytes(SALT_BYTES)
        return cls(salt, _digest(salt, secret))

    def fits(self, secret: str) -> bool:
        """Whether it is that of a secret, in a time that says nothing about where they differ."""
        return hmac.compare_digest(_digest(self.salt, secret), self.digest)

    def __repr__(self) -> str:
        """Nothing of what is inside."""
        return "Digest(…)"


def new_token(id_: str | None = None) -> Token:
    """A key with a new secret, and a new id unless one is given."""
    return Token(id_ or _text(_ID_BYTES), _text(_SECRET_BYTES))


def parse(text: str) -> Token | None:
    """The two parts of a key; None where the text does not look like one of ours."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    prefix, _, rest = text.partition("_")
    id_, _, secret = rest.partition("_")
    return Token(id_, secret) if prefix == PREFIX and id_ and secret else None


def fits_nothing(secret: str) -> None:
    """Spend the time of a comparison, so that an unknown id takes as long as a wrong secret."""
    hmac.compare_digest(_digest(_WITHOUT_RECORD, secret), _WITHOUT_RECORD)


def same(given: str, expected: str) -> bool:
    """Whether two keys are the same, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _digest(salt: bytes, secret: str) -> bytes:
    return hmac.digest(salt, secret.encode("utf-8", "replace"), hashlib.sha256)


def _text(size: int) -> str:
    return base64.b32encode(secrets.token_bytes(size)).decode().lower().rstrip("=")
