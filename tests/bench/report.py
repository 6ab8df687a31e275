"""One line for one measurement."""

import json
import resource
from typing import Any


def report(
    metric: str,
    value: float,
    unit: str,
    *,
    reference: float | None = None,
    ratio: float | None = None,
    at_most: float | None = None,
    at_least: float | None = None,
    **more: Any,
) -> None:
    """Print a measurement; the budget bounds the ratio where there is one, else the value."""
    judged = value if ratio is None else ratio
    within = (at_most is None or judged <= at_most) and (at_least is None or judged >= at_least)
    bounds = {"at_most": at_most, "at_least": at_least}
    line = {
        "metric": metric,
        "value": round(value, 3),
        "unit": unit,
        "reference": None if reference is None else round(reference, 3),
        "ratio": None if ratio is None else round(ratio, 3),
        "budget": {k: v for k, v in bounds.items() if v is not None},
        "within_budget": within,
        **more,
    }
    print(json.dumps(line), flush=True)


def peak_mib() -> float:
    """The most memory this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
