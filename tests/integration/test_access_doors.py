"""The ingest doors as a process, with keys, limits, TLS and client certificates; real clients."""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from certificates import Authority
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collector.service import Ready, ReceiverProcess
from suture.access.key_file import KeyFile
from suture.access.pinned import Pinned
from suture.access.tls import ClientFiles, TlsFiles
from suture.app.telemetry import Telemetry
from suture.app.web_server import WebServer
from suture.contracts.access import Rates, Scope
from suture.errors import InstallationError
from suture.settings import Settings

HEALTHCARE = Path(__file__).parents[2] / "deploy" / "config" / "healthcare"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
OTLP = {"content-type": "application/x-protobuf"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
OWN_KEY = "known to this process only"
HEADER_BYTES = 4096
SECONDS = 30


class Receiver:
    """A running receiver, and what opens its doors."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(data=folder, ingest_port=0, grpc_port=0, **settings)
        self.file = KeyFile(self.settings.access_path)
        self.keys = {scope.value: self.make(scope.value, scope) for scope in Scope}
        self.keys["expiring"] = self.make("expiring", Scope.INGEST, seconds=0.5)
        self.keys["few"] = self.make("few", Scope.INGEST, rates=Rates(requests=0.5))
        self.keys["small"] = self.make("small", Scope.INGEST, rates=Rates(bytes=100))
        self.process = ReceiverProcess(self.settings, HEALTHCARE, own_key=OWN_KEY)
        self.ready: Ready = self.process.start()

    def make(
        self, name: str, scope: Scope, *, seconds: float = 0, rates: Rates | None = None
    ) -> str:
        now = datetime.now(UTC)
        token = self.file.create(
            name=name,
            scopes=frozenset({scope}),
            now=now,
            by="test",
            expires_at=now + timedelta(seconds=seconds) if seconds else None,
            rates=rates or Rates(),
        )
        return str(token)

    def call(
        self, method: str, path: str, key: str | None = None, **options: Any
    ) -> httpx2.Response:
        headers = {**options.pop("headers", {})}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        verify = options.pop("verify", True)
        with httpx2.Client(trust_env=False, timeout=SECONDS, verify=verify) as client:
            return client.request(method, f"{self.ready.http}{path}", headers=headers, **options)

    def export(self, key: str | None = None, *, channel: Any = None, body: bytes = b"") -> Any:
        """The status code over gRPC; OK where it was taken."""
        metadata = [("authorization", f"Bearer {key}")] if key else []
        with channel or grpc.insecure_channel(self.ready.grpc) as opened:
            try:
                opened.unary_unary(EXPORT)(body, timeout=SECONDS, metadata=metadata)
            except grpc.RpcError as error:
                return error.code(), error
        return grpc.StatusCode.OK, None


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    opened = Receiver(tmp_path_factory.mktemp("keys"), max_header_bytes=HEADER_BYTES)
    yield opened
    opened.process.stop()


# -- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("holder", [*Scope, "nobody", "wrong", "own"])
def test_who_may_come_in_at_which_door(receiver: Receiver, holder: str) -> None:
    key = {"nobody": None, "wrong": "sut_x_y", "own": OWN_KEY}.get(holder) or receiver.keys.get(
        holder
    )
    doors = [
        ("POST", "/v1/traces", OTLP, Scope.INGEST),
        ("POST", "/v1/logs", OTLP, Scope.INGEST),
        ("POST", "/v1/metrics", OTLP, Scope.INGEST),
        ("POST", "/v1/milestones", BATCH, Scope.INGEST),
        ("GET", "/metrics", {}, Scope.READ),
        ("GET", "/healthz", {}, None),
        ("GET", "/readyz", {}, None),
    ]
    held = "ingest" if holder == "own" else holder
    for method, path, headers, needs in doors:
        body = b"[]" if path == "/v1/milestones" else b""
        answer = receiver.call(method, path, key, headers=headers, content=body)
        should = 401 if holder in ("nobody", "wrong") else 403
        if needs is None or held == needs:
            assert answer.status_code in (200, 202), (path, answer.text)
        else:
            assert answer.status_code == should, path
            assert ("www-authenticate" in answer.headers) == (should == 401)
    code, _ = receiver.export(key)
    assert code == {
        "ingest": grpc.StatusCode.OK,
        "nobody": grpc.StatusCode.UNAUTHENTICATED,
        "wrong": grpc.StatusCode.UNAUTHENTICATED,
    }.get(held, grpc.StatusCode.PERMISSION_DENIED)


def test_every_http_door_says_what_it_needs(receiver: Receiver) -> None:
    assert receiver.call("POST", "/v1/nothing", receiver.keys["ingest"]).status_code == 404


def test_an_expired_key_opens_nothing(receiver: Receiver) -> None:
    deadline = time.monotonic() + 10
    while receiver.export(receiver.keys["expiring"])[0] is grpc.StatusCode.OK:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    answer = receiver.call("POST", "/v1/traces", receiver.keys["expiring"], headers=OTLP)
    assert answer.status_code == 401
    assert b"is expired" in answer.content


def test_a_revocation_holds_within_seconds(receiver: Receiver) -> None:
    key = receiver.make("short-lived", Scope.INGEST)
    deadline = time.monotonic() + 10
    while receiver.export(key)[0] is not grpc.StatusCode.OK:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    receiver.file.revoke("short-lived", now=datetime.now(UTC), by="test")
    begun = time.monotonic()
    while receiver.export(key)[0] is grpc.StatusCode.OK:
        time.sleep(0.05)
    assert time.monotonic() - begun < 5
    assert receiver.call("POST", "/v1/traces", key, headers=OTLP).status_code == 401


def test_over_its_rate_a_key_is_told_when_to_come_back(receiver: Receiver) -> None:
    key = receiver.keys["few"]
    assert receiver.call("POST", "/v1/traces", key, headers=OTLP).status_code == 200
    answer = receiver.call("POST", "/v1/traces", key, headers=OTLP)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    status = Status.FromString(answer.content)
    assert "'few' is over its rate" in status.message
    code, error = receiver.export(key)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailers = dict(error.trailing_metadata())
    retry = RetryInfo()
    assert Status.FromString(trailers["grpc-status-details-bin"]).details[0].Unpack(retry)
    assert timedelta(0) < retry.retry_delay.ToTimedelta() <= timedelta(seconds=2)
    # Others are not held up.
    assert receiver.export(receiver.keys["ingest"])[0] is grpc.StatusCode.OK


def test_bytes_count_at_both_doors(receiver: Receiver) -> None:
    key = receiver.keys["small"]
    body = b"[" + b" " * 300 + b"]"
    sent = receiver.call("POST", "/v1/milestones", key, headers=BATCH, content=body)
    assert sent.status_code == 202
    answer = receiver.call("POST", "/v1/milestones", key, headers=BATCH, content=b"[]")
    assert (answer.status_code, answer.headers["retry-after"] in "123") == (429, True)
    assert receiver.export(key)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


# -- heads ----------------------------------------------------------------------------------------


def talk(receiver: Receiver, *parts: bytes) -> bytes:
    """What comes back for bytes as they are; what the server does not take is let go."""
    host, _, port = receiver.ready.http.removeprefix("http://").partition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(0.05)
            while chunk := connection.recv(4096):
                answer += chunk
        except ConnectionError:
            pass
    return answer


START = b"POST /v1/milestones HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        (START + b"a: " + b"x" * HEADER_BYTES + b"\r\n\r\n",),
        (START + b"a: ", *[b"x" * 1000] * 6),
        (START + b"a:\r\n" * 200 + b"\r\n",),
        (b"GET /" + b"x" * HEADER_BYTES + b" HTTP/1.1\r\nhost: x\r\n\r\n",),
    ],
    ids=["one", "in pieces, without end", "many", "address"],
)
def test_a_head_that_is_too_large_is_a_431(receiver: Receiver, parts: tuple[bytes, ...]) -> None:
    answer = talk(receiver, *parts)
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"application/problem+json" in answer


def test_trailers_are_bounded_too(receiver: Receiver) -> None:
    key = receiver.keys["ingest"].encode()
    head = START + b"authorization: Bearer " + key + b"\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = talk(receiver, head, b"2\r\n[]\r\n0\r\n", *[b"a: " + b"x" * 500_000] * 4)
    assert b"202" not in answer
    assert receiver.call("GET", "/healthz").status_code == 200


def test_metadata_is_bounded(receiver: Receiver) -> None:
    with grpc.insecure_channel(receiver.ready.grpc) as channel:
        export = channel.unary_unary(EXPORT)
        metadata = [
            ("authorization", f"Bearer {receiver.keys['ingest']}"),
            ("x-long", "x" * 2 * HEADER_BYTES),
        ]
        with pytest.raises(grpc.RpcError) as caught:
            export(b"", timeout=SECONDS, metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


# -- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "hospital")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"), "stranger")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Receiver]:
    """TLS, and a client certificate demanded."""
    pair = authority.issue("localhost", "127.0.0.1")
    opened = Receiver(
        tmp_path_factory.mktemp("tls"),
        tls_cert=pair.cert,
        tls_key=pair.key,
        tls_client_ca=authority.file,
    )
    yield opened
    opened.process.stop()


def context(trusted: Authority, shown: Any = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(trusted.file))
    if shown is not None:
        made.load_cert_chain(shown.cert, shown.key)
    return made


def channel(receiver: Receiver, trusted: Authority, shown: Any = None) -> Any:
    credentials = grpc.ssl_channel_credentials(
        root_certificates=trusted.file.read_bytes(),
        private_key=shown.key.read_bytes() if shown else None,
        certificate_chain=shown.cert.read_bytes() if shown else None,
    )
    return grpc.secure_channel(receiver.ready.grpc, credentials)


def test_with_a_client_certificate_both_doors_open(secured: Receiver, authority: Authority) -> None:
    assert secured.ready.http.startswith("https://")
    client = authority.issue("erp.example.org")
    trusting = context(authority, client)
    # Without a key the certificate itself may send, and nothing else.
    sent = secured.call("POST", "/v1/traces", headers=OTLP, verify=trusting)
    assert sent.status_code == 200
    assert secured.call("GET", "/metrics", verify=trusting).status_code == 403
    read = secured.call("GET", "/metrics", secured.keys["read"], verify=trusting)
    assert read.status_code == 200
    assert secured.call("GET", "/metrics", "wrong", verify=trusting).status_code == 401
    assert secured.export(channel=channel(secured, authority, client))[0] is grpc.StatusCode.OK
    denied = secured.export(secured.keys["read"], channel=channel(secured, authority, client))
    assert denied[0] is grpc.StatusCode.PERMISSION_DENIED


def test_without_one_of_the_right_issuer_they_stay_closed(
    secured: Receiver, authority: Authority, stranger: Authority
) -> None:
    key = secured.keys["ingest"]
    for shown in (None, stranger.issue("erp.example.org")):
        with pytest.raises(httpx2.TransportError):
            secured.call("POST", "/v1/traces", key, headers=OTLP, verify=context(authority, shown))
        code, _ = secured.export(key, channel=channel(secured, authority, shown))
        assert code is grpc.StatusCode.UNAVAILABLE


def test_a_client_that_trusts_others_does_not_send(secured: Receiver, stranger: Authority) -> None:
    with pytest.raises(httpx2.ConnectError, match="certificate verify failed"):
        secured.call("GET", "/healthz", verify=context(stranger))
    assert secured.export(channel=channel(secured, stranger))[0] is grpc.StatusCode.UNAVAILABLE


def test_a_plain_request_to_a_tls_door_fails_at_once(secured: Receiver) -> None:
    host, _, port = secured.ready.http.removeprefix("https://").partition(":")
    for address in (port, secured.ready.grpc.rpartition(":")[2]):
        begun = time.monotonic()
        with socket.create_connection((host, int(address)), timeout=SECONDS) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            try:
                answer = plain.recv(4096)
            except ConnectionResetError:
                answer = b""
        assert not answer.startswith(b"HTTP/1.1 2")
        assert time.monotonic() - begun < 10


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_below_tls_1_2_is_spoken(secured: Receiver) -> None:
    host, _, port = secured.ready.http.removeprefix("https://").partition(":")
    for address in (port, secured.ready.grpc.rpartition(":")[2]):
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with (
            socket.create_connection((host, int(address)), timeout=SECONDS) as plain,
            pytest.raises((ssl.SSLError, ConnectionError), match=r"(?i)version|reset|alert|EOF"),
        ):
            old.wrap_socket(plain)


def test_the_web_port_speaks_tls_and_bounds_heads(authority: Authority) -> None:
    async def hello(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["scheme"].encode()})

    pair, client = authority.issue("127.0.0.1"), authority.issue("me@example.org")
    files = TlsFiles(cert=str(pair.cert), key=str(pair.key), client_ca=str(authority.file))
    server = WebServer(hello, host="127.0.0.1", port=0, max_header_bytes=HEADER_BYTES, tls=files)
    address = server.start()
    try:
        assert address.startswith("https://")
        trusting = context(authority, client)
        with httpx2.Client(trust_env=False, verify=trusting, timeout=SECONDS) as caller:
            assert caller.get(address).text == "https"
            long = {"x-long": "x" * HEADER_BYTES}
            assert caller.get(address, headers=long).status_code == 431
        with (
            httpx2.Client(trust_env=False, verify=context(authority), timeout=SECONDS) as caller,
            pytest.raises(httpx2.TransportError),
        ):
            caller.get(address)
    finally:
        server.stop()


def test_our_own_senders_need_no_name_and_no_issuer(
    secured: Receiver, authority: Authority
) -> None:
    client = authority.issue("suture.example.org")
    shown = ClientFiles(cert=str(client.cert), key=str(client.key))
    pinned = Pinned(cert=str(secured.settings.tls_cert), shown=shown)
    telemetry = Telemetry(
        "self", own_door=secured.ready.http, own_key=OWN_KEY, own_session=pinned.session()
    )
    before = taken(secured, pinned)
    with telemetry.tracer.start_as_current_span("a tick"):
        pass
    telemetry.close()
    assert taken(secured, pinned) == before + 1
    credentials, options = pinned.channel(secured.ready.grpc)
    opened = grpc.secure_channel(secured.ready.grpc, credentials, options=options)
    assert secured.export(OWN_KEY, channel=opened)[0] is grpc.StatusCode.OK


def test_pinned_clients_trust_nobody_else(secured: Receiver, authority: Authority) -> None:
    # Of the same issuer, and yet not the one.
    other = authority.issue("localhost", "127.0.0.2")
    pinned = Pinned(cert=str(other.cert), shown=ClientFiles())
    with pytest.raises(httpx2.ConnectError, match="certificate verify failed"):
        secured.call("GET", "/healthz", verify=pinned.context())


def taken(receiver: Receiver, pinned: Pinned) -> float:
    """Spans taken so far."""
    text = receiver.call("GET", "/metrics", receiver.keys["read"], verify=pinned.context()).text
    line = 'suture_ingest_items_total{outcome="accepted",signal="traces"} '
    return sum(float(each.removeprefix(line)) for each in text.splitlines() if line in each)


def test_wrong_certificates_are_said(
    tmp_path: Path, authority: Authority, capfd: pytest.CaptureFixture[str]
) -> None:
    one, two = authority.issue("a.example.org"), authority.issue("b.example.org")
    for cert, key, said in (
        (tmp_path / "none.pem", one.key, "none.pem: No such file"),
        (one.cert, two.key, "are no certificate with its private key"),
        (one.key, one.key, "are no certificate with its private key"),
    ):
        settings = Settings(data=tmp_path, ingest_port=0, grpc_port=0, tls_cert=cert, tls_key=key)
        process = ReceiverProcess(settings, HEALTHCARE)
        with pytest.raises(InstallationError, match="did not start"):
            process.start()
        assert said in capfd.readouterr().err
