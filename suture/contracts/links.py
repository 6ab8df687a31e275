"""Links that people decide about: what they may say, and how a pair of objects is named."""

import base64
import binascii
import json
from dataclasses import dataclass
from enum import StrEnum


class DecisionAction(StrEnum):
    """What a person says about links; an undo takes another decision back."""

    ACCEPT = "accept"
    BLOCK = "block"
    SPLIT = "split"
    UNDO = "undo"


class LinkState(StrEnum):
    """Why a pair of objects that evidence names is no link.

    `refused`: another one ranks first where only one may be; `unsure`: a trace names several;
    `blocked`: an operator said so.
    """

    REFUSED = "refused"
    UNSURE = "unsure"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class LinkKey:
    """A pair of encoded object keys in one process, linked or not."""

    process: str
    from_object: str
    to_object: str

    @property
    def id(self) -> str:
        """What it is called in addresses; `parse` reads it back, so nobody has to look it up."""
        parts = [self.process, self.from_object, self.to_object]
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, id_: str) -> "LinkKey":
        """Undo `id`; raises ValueError for a text that is none."""
        try:
            padded = id_ + "=" * (-len(id_) % 4)
            parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (binascii.Error, UnicodeError, ValueError) as error:
            raise ValueError(f"not the id of a link: {id_!r}") from error
        if not isinstance(parts, list) or len(parts) != 3:
            raise ValueError(f"not the id of a link: {id_!r}")
        if not all(isinstance(part, str) for part in parts):
            raise ValueError(f"not the id of a link: {id_!r}")
        return cls(process=parts[0], from_object=parts[1], to_object=parts[2])
