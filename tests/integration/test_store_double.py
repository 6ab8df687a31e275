"""The double itself, asked by plain HTTP as any client might."""

import gzip
import json
import urllib.error
import urllib.request
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import lz4.frame
import pytest
from clickhouse_double import ClickHouseDouble, Failure
from clickhouse_double_engine import form_parts, native_text, varint

pytestmark = pytest.mark.store


def ask(
    double: ClickHouseDouble,
    body: bytes = b"",
    *,
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    method: str | None = None,
    **parameters: str,
) -> tuple[int, bytes, Mapping[str, str]]:
    address = f"{double.url}{path}?{urlencode(parameters)}"
    request = urllib.request.Request(address, body or None, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def test_ping(http_double: ClickHouseDouble) -> None:
    assert ask(http_double, path="/ping")[:2] == (200, b"Ok.\n")


def test_a_statement_in_the_body_or_the_address(http_double: ClickHouseDouble) -> None:
    assert ask(http_double, b"SELECT 1")[1] == b"1\n"
    assert ask(http_double, query="SELECT 1")[1] == b"1\n"
    status, body, headers = ask(
        http_double, b"SELECT {n:UInt8} AS n FORMAT JSONEachRow", param_n="7"
    )
    assert (status, json.loads(body)) == (200, {"n": 7})
    assert headers["X-ClickHouse-Format"] == "JSONEachRow"


def test_settings_bind_one_request(http_double: ClickHouseDouble) -> None:
    sql = b"SELECT value FROM system.settings WHERE name = 'max_block_size'"
    before = ask(http_double, sql)[1]
    assert ask(http_double, sql, max_block_size="1234")[1] == b"1234\n"
    assert ask(http_double, sql)[1] == before


def test_an_unknown_setting_is_an_error(http_double: ClickHouseDouble) -> None:
    status, _, headers = ask(http_double, b"SELECT 1", nonesuch="1")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "115")


def test_an_error_bears_its_code(http_double: ClickHouseDouble) -> None:
    status, body, headers = ask(http_double, b"SELECT * FROM nowhere")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (404, "60")
    assert body.startswith(b"Code: 60. DB::Exception:")


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("lz4", lz4.frame.compress)],
)
def test_compressed_bodies(http_double: ClickHouseDouble, encoding: str, compress: Any) -> None:
    headers = {"Content-Encoding": encoding}
    assert ask(http_double, compress(b"SELECT 1"), headers=headers)[1] == b"1\n"
    status, _, answered = ask(http_double, b"no such thing", headers=headers)
    assert (status, answered["X-ClickHouse-Exception-Code"]) == (500, "271")


def test_a_compressed_answer(http_double: ClickHouseDouble) -> None:
    status, body, headers = ask(
        http_double,
        b"SELECT 1",
        headers={"Accept-Encoding": "lz4"},
        enable_http_compression="1",
    )
    assert (status, headers["Content-Encoding"]) == (200, "lz4")
    assert lz4.frame.decompress(body) == b"1\n"


def test_an_empty_native_answer_names_its_columns(http_double: ClickHouseDouble) -> None:
    sql = b"SELECT 'x' AS text, now64(6, 'UTC') AS at WHERE 0 FORMAT Native"
    expected = varint(2) + varint(0) + native_text("text") + native_text("String")
    assert ask(http_double, sql)[1] == expected + native_text("at") + native_text(
        "DateTime64(6, 'UTC')"
    )


def test_data_of_any_format_is_inserted(http_double: ClickHouseDouble) -> None:
    ask(http_double, b"CREATE DATABASE IF NOT EXISTS raw ENGINE = Atomic")
    ask(http_double, b"CREATE OR REPLACE TABLE raw.t (a String, n UInt8) ENGINE = Memory")
    ask(http_double, b'INSERT INTO t (a, n) FORMAT CSV\n"x,""y",1\n', database="raw")
    ask(http_double, b'{"a": "z"}', query="INSERT INTO raw.t FORMAT JSONEachRow")
    ask(http_double, b"INSERT INTO raw.t SETTINGS async_insert = 0 FORMAT TSV\nt\t2\n")
    ask(http_double, b"INSERT INTO raw.t VALUES ('v', 3)")
    ask(http_double, b"INSERT INTO raw.t SELECT 'FORMAT CSV', 4")
    found = ask(http_double, b"SELECT a, n FROM raw.t ORDER BY n FORMAT JSONCompactEachRow")[1]
    assert [json.loads(line) for line in found.splitlines()] == [
        ["z", 0],
        ['x,"y', 1],
        ["t", 2],
        ["v", 3],
        ["FORMAT CSV", 4],
    ]
    ask(http_double, b"DROP DATABASE raw")


def test_what_it_cannot_do_it_says(http_double: ClickHouseDouble) -> None:
    sql = b"INSERT INTO t SELECT a FROM input('a String') FORMAT TSV\nx\n"
    assert ask(http_double, sql)[2]["X-ClickHouse-Exception-Code"] == "48"


def test_a_form_with_a_file() -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT 1\r\n'
        b'--B\r\nContent-Disposition: form-data; name="keys"; filename="keys"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n\x00\r\n--B--\r\n"
    )
    assert list(form_parts("multipart/form-data; boundary=B", body)) == [
        ("query", False, b"SELECT 1"),
        ("keys", True, b"\r\n\x00"),
    ]


def test_failures_strike_in_order_and_as_often_as_asked(http_double: ClickHouseDouble) -> None:
    http_double.fail(Failure(status=503, times=2, matching="SELECT"))
    http_double.fail(Failure(code=241, times=1))
    answers = [ask(http_double, b"SELECT 1")[0] for _ in range(4)]
    assert answers == [503, 503, 500, 200]
    http_double.fail(Failure(status=503))
    http_double.heal()
    assert ask(http_double, b"SELECT 1")[0] == 200


def test_failures_can_be_set_from_outside(http_double: ClickHouseDouble) -> None:
    failure = json.dumps({"status": 503, "matching": "SELECT"}).encode()
    assert ask(http_double, failure, path="/double/failures")[0] == 200
    assert ask(http_double, b"SELECT 1")[0] == 503
    assert ask(http_double, path="/double/failures", method="DELETE")[0] == 200
    assert ask(http_double, b"SELECT 1")[0] == 200
