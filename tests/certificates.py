"""Certificates for tests: authorities made anew each time, and what they issue, as files."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate and its private key, as PEM files."""

    cert: Path
    key: Path


class Authority:
    """Somebody who issues certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self._ca = trustme.CA(organization_name=name)
        self.file = self._folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, *names: str) -> Pair:
        issued = self._ca.issue_cert(*names)
        stem = names[0].replace("@", "-").replace("*", "any")
        cert, key = self._folder / f"{stem}.pem", self._folder / f"{stem}.key"
        key.write_bytes(issued.private_key_pem.bytes())
        cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        return Pair(cert=cert, key=key)
