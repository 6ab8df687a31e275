"""What commands that only look share: the readers over an installation that does not run."""

from collections.abc import Iterator
from contextlib import contextmanager

from correlator.attribution.on_demand import AttributionOnDemand
from dashboards.services import CollectorStatus, Services
from suture.app.config_dir import config_dir
from suture.app.installation import open_store
from suture.clock import SystemClock
from suture.definitions.catalog import load_catalog
from suture.errors import StoreLocked
from suture.settings import Settings


@contextmanager
def readers(settings: Settings) -> Iterator[Services]:
    """The readers over the installation's own store.

    Raises StoreLocked where the platform runs, InstallationError where there is no store.
    """
    catalog = load_catalog(config_dir(settings.config))
    try:
        with open_store(settings, existing=True) as store:
            yield Services.over(
                store,
                catalog,
                settings,
                SystemClock(),
                collector=CollectorStatus,
                payload=lambda _: None,
                attributed=AttributionOnDemand(store, catalog),
            )
    except StoreLocked as error:
        hint = "; while the platform runs, ask it: --url http://127.0.0.1:8050"
        raise StoreLocked(f"{error.message}{hint}") from error
