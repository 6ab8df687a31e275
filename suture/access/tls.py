"""TLS for every door, and for ourselves where we are the client. Version 1.2 at least."""

import ssl
from pathlib import Path

import msgspec

from suture.errors import InstallationError


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """PEM files of a server: chain, private key, and the issuers of client certificates."""

    cert: str
    key: str
    client_ca: str | None = None


class ClientFiles(msgspec.Struct, frozen=True, kw_only=True):
    """PEM files of a client: what it shows. Both or none."""

    cert: str | None = None
    key: str | None = None


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For an HTTP door; raises InstallationError that names the file that is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_pair(context, files.cert, files.key)
    if files.client_ca is not None:
        _load_authorities(context, files.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(authorities: str | None, shown: ClientFiles) -> ssl.SSLContext:
    """For calling a server by its name; trusts the system's authorities unless some are given."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authorities is not None:
        _load_authorities(context, authorities)
    return _showing(context, shown)


def pinned_context(cert: str, shown: ClientFiles) -> ssl.SSLContext:
    """For calling our own doors: trusts exactly the certificate they have, under any name.

    Processes of one machine reach each other by an address that no certificate needs to name.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _load_authorities(context, cert)
    return _showing(context, shown)


def read_pem(path: str) -> bytes:
    """A PEM file; raises InstallationError where it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InstallationError(f"{path}: {error.strerror or error}") from error


def _showing(context: ssl.SSLContext, shown: ClientFiles) -> ssl.SSLContext:
    if shown.cert is not None and shown.key is not None:
        _load_pair(context, shown.cert, shown.key)
    return context


def _load_pair(context: ssl.SSLContext, cert: str, key: str) -> None:
    read_pem(cert), read_pem(key)  # which says which of the two is not there
    try:
        # An encrypted key would ask at the terminal; a server has none.
        context.load_cert_chain(cert, key, password=lambda: b"")
    except (ssl.SSLError, ValueError) as error:
        raise InstallationError(
            f"{cert} and {key} are no certificate with its private key, in PEM and not encrypted:"
            f" {error}"
        ) from error


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    read_pem(path)
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise InstallationError(f"{path} holds no certificates in PEM: {error}") from error
