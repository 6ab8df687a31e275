"""What our own OCEL 2.0 files say beside what every such file says, so that they can come back."""

OWN = "suture."
"""What the attributes begin with that no event brought."""

OUTCOME = f"{OWN}outcome"
REASON = f"{OWN}reason"
SEQUENCE = f"{OWN}sequence"
"""Attributes of events that importing takes for what they are, unless a mapping says otherwise."""
