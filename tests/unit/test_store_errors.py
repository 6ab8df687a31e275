"""What the driver raises becomes ours, all of it."""

import inspect
import struct

import pyarrow as pa
import pytest
import urllib3.exceptions
from clickhouse_connect.driver import exceptions as driver

from suture.errors import InstallationError, StoreRefused, StoreUnavailable, SutureError
from suture.store.driver_errors import (
    PERMANENT_CLASSES,
    TEMPORARY_CLASSES,
    TEMPORARY_CODES,
    as_ours,
    mapped_errors,
)


def driver_classes() -> set[type[Exception]]:
    return {
        value
        for _, value in inspect.getmembers(driver, inspect.isclass)
        if issubclass(value, Exception) and value.__module__ == driver.__name__
    }


def raised(error: Exception) -> SutureError:
    with pytest.raises(SutureError) as caught, mapped_errors():
        raise error
    return caught.value


def test_every_class_of_the_driver_is_mapped() -> None:
    """A new one must be put among the temporary or the permanent ones."""
    assert set(TEMPORARY_CLASSES) | set(PERMANENT_CLASSES) == driver_classes()
    assert not set(TEMPORARY_CLASSES) & set(PERMANENT_CLASSES)


@pytest.mark.parametrize("kind", sorted(driver_classes(), key=lambda kind: kind.__name__))
def test_a_class_without_a_code_decides(kind: type[Exception]) -> None:
    error = kind() if kind is driver.StreamClosedError else kind("it broke")
    ours = raised(error)
    assert type(ours) is (StoreUnavailable if kind in TEMPORARY_CLASSES else StoreRefused)
    assert ours.__cause__ is error


@pytest.mark.parametrize("code", sorted(TEMPORARY_CODES))
def test_a_temporary_code(code: int) -> None:
    error = driver.DatabaseError(f"Code: {code}. DB::Exception: busy", code=code)
    assert type(as_ours(error)) is StoreUnavailable


@pytest.mark.parametrize("code", [6, 16, 27, 33, 36, 47, 57, 60, 62, 81, 436, 444, 497, 516, 1001])
def test_a_permanent_code_is_kept(code: int) -> None:
    error = driver.OperationalError(f"Code: {code}. DB::Exception: no", code=code)
    ours = as_ours(error)
    assert isinstance(ours, StoreRefused)
    assert ours.code == code


def test_too_many_partitions_share_a_temporary_code_and_are_permanent() -> None:
    text = "Code: 252. DB::Exception: Too many partitions for single INSERT block (TOO_MANY_PARTS)"
    assert isinstance(as_ours(driver.DatabaseError(text, code=252)), StoreRefused)
    text = "Code: 252. DB::Exception: Too many parts (3000). Merges are slower than inserts"
    assert isinstance(as_ours(driver.DatabaseError(text, code=252)), StoreUnavailable)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (408, StoreUnavailable),
        (429, StoreUnavailable),
        (500, StoreUnavailable),
        (502, StoreUnavailable),
        (503, StoreUnavailable),
        (504, StoreUnavailable),
        (401, StoreRefused),
        (404, StoreRefused),
        (413, StoreRefused),
    ],
)
def test_an_answer_without_a_code_came_from_something_in_between(
    status: int, kind: type[SutureError]
) -> None:
    text = f"HTTP driver received HTTP status {status}, server response: <html>"
    assert type(as_ours(driver.DatabaseError(text))) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionResetError("reset"), StoreUnavailable),
        (TimeoutError("slow"), StoreUnavailable),
        (OSError(28, "No space left on device"), StoreUnavailable),
        (urllib3.exceptions.ProtocolError("cut"), StoreUnavailable),
        (urllib3.exceptions.DecodeError("cut"), StoreUnavailable),
        (pa.ArrowInvalid("not a table"), StoreRefused),
        (pa.ArrowNotImplementedError("no such type"), StoreRefused),
        (ValueError("three"), StoreRefused),
        (TypeError("three"), StoreRefused),
        (KeyError("three"), StoreRefused),
        (OverflowError("big"), StoreRefused),
        (AttributeError("three"), StoreRefused),
        (struct.error("big"), StoreRefused),
        (EOFError("short"), StoreRefused),
        (ModuleNotFoundError("No module named 'chdb'"), InstallationError),
    ],
)
def test_what_the_driver_lets_through_is_mapped_too(
    error: Exception, kind: type[SutureError]
) -> None:
    assert type(raised(error)) is kind


def test_ours_pass_unchanged() -> None:
    error = StoreUnavailable("closed")
    assert raised(error) is error


def test_a_mistake_in_our_own_code_is_not_disguised() -> None:
    with pytest.raises(AssertionError), mapped_errors():
        raise AssertionError


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (
            (
                "Received ClickHouse exception, code: 60, server response: Code: 60. DB::Exception:"
                " Unknown table. (UNKNOWN_TABLE) (version 26.9.2.1 (official build))"
                " (for url http://db:8123)"
            ),
            "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)",
        ),
        (
            (
                "Error HTTPConnectionPool(host='db', port=8123): Max retries exceeded with url:"
                " /?param_name=Jane+Doe (Caused by NewConnectionError('refused')) attempt 1"
            ),
            (
                "Error HTTPConnectionPool(host='db', port=8123): Max retries exceeded"
                " (Caused by NewConnectionError('refused')) attempt 1"
            ),
        ),
        (
            (
                "Code: 27. DB::Exception: Cannot parse input: expected '\"' before: 'Jane Doe\"}':"
                " (while reading the value of key n): (at row 1)\n: While executing Something"
            ),
            (
                "Code: 27. DB::Exception: Cannot parse input: expected '\"' before: …:"
                " (while reading the value of key n): (at row 1)"
            ),
        ),
        (
            (
                "Code: 117. DB::Exception: File is too small: (in file/uri /data/store.tmp/x.raw):"
                " While executing File"
            ),
            "Code: 117. DB::Exception: File is too small",
        ),
        ("x" * 2_000, "x" * 1_000 + "…"),
    ],
)
def test_a_message_is_one_line_without_addresses_or_data(given: str, shown: str) -> None:
    assert as_ours(driver.DatabaseError(given, code=27)).message == shown


def test_a_message_names_the_engines_error() -> None:
    error = driver.DatabaseError("Code: 27. DB::Exception: no\nmore", code=27, name="CANNOT_PARSE")
    assert as_ours(error).message == "Code: 27. DB::Exception: no (CANNOT_PARSE)"


def test_a_value_that_does_not_fit_says_where() -> None:
    said = "insert into t: a value does not fit: three"
    with pytest.raises(StoreRefused, match=said), mapped_errors("insert into t"):
        raise ValueError("three")
