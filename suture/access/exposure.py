"""What opens the doors of an installation, and the refusal to open any to everybody."""

import structlog

from suture.access.doorkeeper import Credentials
from suture.access.key_file import KeyFile
from suture.access.tls import ClientFiles, TlsFiles, client_context, server_context
from suture.clock import Clock
from suture.contracts.access import Scope
from suture.errors import InstallationError
from suture.settings import Door, Settings, is_loopback

_log = structlog.get_logger(__name__)


def credentials_of(settings: Settings, door: Door, *, own_key: str | None = None) -> Credentials:
    """What opens one kind of door under these settings."""
    demanded = settings.demands_certificate(door)
    return Credentials(
        key_file=str(settings.access_path.resolve()),
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        own_key=own_key,
        certificate_scopes=settings.client_scopes if demanded else frozenset[Scope](),
        always_closed=demanded or not is_loopback(settings.host),
    )


def tls_of(settings: Settings, door: Door) -> TlsFiles | None:
    """The certificates of one kind of door; None where it speaks plainly."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    authorities = settings.tls_client_ca if settings.demands_certificate(door) else None
    return TlsFiles(
        cert=str(settings.tls_cert.resolve()),
        key=str(settings.tls_key.resolve()),
        client_ca=str(authorities.resolve()) if authorities else None,
    )


def check_certificates(settings: Settings, doors: tuple[Door, ...]) -> None:
    """Read the certificates of these doors; raises InstallationError that says what is wrong."""
    for door in doors:
        if files := tls_of(settings, door):
            server_context(files)
    if doors:
        client_context(None, shown_by(settings))


def shown_by(settings: Settings) -> ClientFiles:
    """The certificate that is shown where Suture itself is a client."""
    if settings.tls_client_cert is None or settings.tls_client_key is None:
        return ClientFiles()
    return ClientFiles(
        cert=str(settings.tls_client_cert.resolve()), key=str(settings.tls_client_key.resolve())
    )


def require_authentication(settings: Settings, doors: tuple[Door, ...], clock: Clock) -> None:
    """Refuse to listen beyond loopback where nothing says who may come in.

    Raises InstallationError, or Unavailable where the keys cannot be read.
    """
    if is_loopback(settings.host) or not doors:
        return
    if settings.tls_cert is None:
        _log.warning("listening_without_tls", host=settings.host, note="keys travel readable")
    if settings.api_key or all(settings.demands_certificate(door) for door in doors):
        return
    now = clock.now()
    if any(record.state(now) == "live" for record in KeyFile(settings.access_path).records()):
        return
    raise InstallationError(
        f"host {settings.host} is reachable from outside: create a key (suture keys create),"
        " set SUTURE_API_KEY, demand client certificates (SUTURE_TLS_CLIENT_CA), or listen on"
        " 127.0.0.1"
    )
