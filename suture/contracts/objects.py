"""Objects: typed business keys, and the one string that identifies an object across tables."""

from dataclasses import dataclass

import msgspec

DEFAULT_ENVIRONMENT = "production"
LONGEST_TYPE = 256
LONGEST_ID = 1_024
"""In characters. Whatever is shown has to fit into an address, percent-encoded."""


class ObjectRef(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A business key as a producer named it: requisition R-10044."""

    type: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ObjectKey:
    """An object's identity after normalisation, within one environment.

    `scope` is the value of the attribute that the type's definition names (a facility, say), empty
    where the type has no scope or the event lacked it.
    """

    environment: str
    type: str
    scope: str
    id: str

    def encode(self) -> str:
        """`environment|type|scope|id`: the id stands last and verbatim, so it may hold anything."""
        head = "|".join(quote_part(part) for part in (self.environment, self.type, self.scope))
        return f"{head}|{self.id}"

    @classmethod
    def decode(cls, text: str) -> "ObjectKey":
        """Undo `encode`; raises ValueError for a text that `encode` cannot have made."""
        parts = text.split("|", 3)
        if len(parts) != 4:
            raise ValueError(f"not an object key: {text!r}")
        environment, type_, scope = (unquote_part(part) for part in parts[:3])
        return cls(environment=environment, type=type_, scope=scope, id=parts[3])


def quote_part(part: str) -> str:
    """Escape the separator inside the first three parts of an object key."""
    return part.replace("%", "%25").replace("|", "%7C")


def unquote_part(part: str) -> str:
    """Undo `quote_part`."""
    return part.replace("%7C", "|").replace("%25", "%")
