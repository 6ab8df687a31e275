"""Pauses, signatures and what a receiver's answers mean."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.channels.webhook import WebhookChannel, retry_after, signature
from alerting.outbox import RetryRule
from suture.errors import InstallationError

NOW = datetime(2026, 11, 20, 8, 0, 0, 999_999, tzinfo=UTC)


@given(st.text(), st.integers(1, 500))
def test_pauses_double_up_to_the_longest_with_up_to_half_taken_off(key: str, attempt: int) -> None:
    rule = RetryRule(first=timedelta(seconds=2), longest=timedelta(minutes=5))
    pause = rule.pause(key, attempt).total_seconds()
    whole = min(300, 2 * 2 ** (attempt - 1))
    assert whole / 2 <= pause <= whole
    assert rule.pause(key, attempt).total_seconds() == pause


def test_many_that_failed_together_do_not_come_back_together() -> None:
    pauses = {RetryRule().pause(f"delivery-{number}", 10) for number in range(100)}
    assert len(pauses) == 100


def test_as_shipped_a_delivery_is_given_up_after_about_a_day() -> None:
    rule = RetryRule()
    total = sum((rule.pause("x", n) for n in range(1, rule.attempts)), timedelta())
    assert timedelta(hours=16) < total < timedelta(hours=30)


def test_the_signature_is_a_keyed_hash_of_time_and_body() -> None:
    body = '{"größe": 1}'.encode()
    unix = 1_795_161_600
    expected = hmac.new(b"key", b"1795161600." + body, hashlib.sha256).hexdigest()
    assert signature("key", body, NOW) == f"t={unix},v1={expected}"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Fri, 20 Nov 2026 08:01:00 GMT", 59.000001),
        ("Fri, 20 Nov 2026 07:00:00 GMT", 0.0),
        ("in a while", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("url", ["", "ftp://host/x", "http://", "host/path", "http://[::1"])
def test_what_is_no_web_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(InstallationError, match="webhook_url"):
        WebhookChannel(url, secret=None)
