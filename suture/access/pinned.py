"""Clients for our own doors over TLS: they trust exactly the certificate that the doors have.

Processes of one machine reach each other by an address that the certificate need not name, and its
issuer need not be known here.
"""

import socket
import ssl
from dataclasses import dataclass
from typing import Any

import grpc
import requests
from requests.adapters import HTTPAdapter

from suture.access.tls import ClientFiles, pinned_context, read_pem
from suture.errors import Unavailable

_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """The certificate to trust, and what to show where one is demanded: PEM files."""

    cert: str
    shown: ClientFiles

    def context(self) -> ssl.SSLContext:
        """For any client that takes a context."""
        return pinned_context(self.cert, self.shown)

    def session(self) -> requests.Session:
        """For the HTTP exporters of OpenTelemetry."""
        session = requests.Session()
        # The environment could send it through a proxy, or name other authorities.
        session.trust_env = False
        session.mount("https://", _Pinned(self.context()))
        return session

    def channel(self, address: str) -> tuple[Any, Any]:
        """Credentials and options of a gRPC channel to `address`, host:port.

        gRPC insists on a name, so the server is asked which one its certificate bears. Raises
        Unavailable where it does not answer, or with another certificate.
        """
        shown = self.shown
        credentials = grpc.ssl_channel_credentials(
            root_certificates=read_pem(self.cert),
            private_key=read_pem(shown.key) if shown.key else None,
            certificate_chain=read_pem(shown.cert) if shown.cert else None,
        )
        name = self._name(address)
        options = (("grpc.ssl_target_name_override", name),) if name else ()
        return credentials, options

    def _name(self, address: str) -> str:
        host, _, port = address.rpartition(":")
        context = self.context()
        context.set_alpn_protocols(["h2"])
        try:
            with (
                socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS) as plain,
                context.wrap_socket(plain) as secured,
            ):
                certificate: Any = secured.getpeercert() or {}
        except OSError as error:
            raise Unavailable(f"no TLS with {address}: {error}") from error
        names = certificate.get("subjectAltName", ())
        return next((str(name).replace("*", "any", 1) for _, name in names), "")


class _Pinned(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, assert_hostname=False, **options)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the connection with its own context, whatever the caller says of certificates."""
