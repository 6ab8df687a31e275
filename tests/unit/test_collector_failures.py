from http import HTTPStatus

import pytest

from collector.failures import failure_of
from suture.errors import (
    AccessDenied,
    InvalidInput,
    MalformedInput,
    SpoolFull,
    StoreError,
    SutureError,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)


@pytest.mark.parametrize(
    ("error", "status", "code", "retry"),
    [
        (MalformedInput("m"), 400, 3, None),
        (InvalidInput("m"), 400, 3, None),
        (AccessDenied("m"), 401, 16, None),
        (TooLarge("m"), 413, 3, None),
        (UnsupportedMedia("m"), 415, 3, None),
        (SpoolFull("m", retry_after_seconds=5), 429, 8, 5),
        (Unavailable("m", retry_after_seconds=2), 503, 14, 2),
    ],
)
def test_what_a_producer_is_told(
    error: SutureError, status: int, code: int, retry: float | None
) -> None:
    failure = failure_of(error)
    assert (failure.status, failure.code) == (status, code)
    assert failure.message == "m"
    assert failure.retry_after_seconds == retry


def test_our_own_mistakes_are_not_explained_to_producers() -> None:
    failure = failure_of(StoreError("password=x"))
    assert failure.status is HTTPStatus.INTERNAL_SERVER_ERROR
    assert "password" not in failure.message
    assert failure.retry_after_seconds is None
