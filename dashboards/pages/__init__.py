"""The pages. Each is a function from where somebody is to what is shown there.

Reads: through `dashboards.services`.
Writes: nothing; what people do goes through `dashboards.acts`.
Runs as: threads, called by two callbacks of `dashboards.callbacks`: one when the address changes,
one at every tick, which replaces only the live part.
Next: `page.Page`, then any page.
"""

from collections.abc import Callable, Mapping

from dashboards.pages import (
    alerts,
    dead_letters,
    instance,
    instances,
    link,
    links,
    missing,
    overview,
    process,
    processes,
    status,
    trace,
    traces,
)
from dashboards.pages.page import Page, View

PAGES: Mapping[str, Callable[[View], Page]] = {
    "overview": overview.page,
    "processes": processes.page,
    "process": process.page,
    "instances": instances.page,
    "instance": instance.page,
    "alerts": alerts.page,
    "traces": traces.page,
    "trace": trace.page,
    "links": links.page,
    "link": link.page,
    "dead-letters": dead_letters.page,
    "status": status.page,
    "missing": missing.page,
}
