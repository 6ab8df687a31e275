"""What the receiver process is told at its start, and what it answers: one line of JSON each."""

import msgspec

from suture.access.doorkeeper import Credentials
from suture.access.tls import TlsFiles


class ReceiverConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the parent hands over. Port 0 picks a free one; sizes are bytes."""

    host: str
    http_port: int
    grpc_port: int
    spool_path: str
    config_dir: str
    max_body_bytes: int
    max_decompressed_bytes: int
    spool_max_bytes: int
    max_header_bytes: int
    credentials: Credentials
    tls: TlsFiles | None = None
    log_format: str = "console"
    redaction_key: str = ""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Where the doors are, once they are open: a URL for HTTP, host:port for gRPC."""

    event: str = "ready"
    http: str
    grpc: str
