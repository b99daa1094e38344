"""How long keys live, and old secrets."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError
from maas_keys.core.lifetime import Lifetime, Lifetimes, ends_at, grace_s

DAY_S = 86_400
KEYS = Lifetimes(Lifetime.parse("30d"), Lifetime.parse("90d"))
GRACE = Lifetimes(Lifetime.parse("24h"), Lifetime.parse("7d"))
NOW = 1_800_000_000.75  # 2027-01-15T08:00:00.75Z
MIDNIGHT = 1_799_971_200


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("90m", 5400), ("12h", 43_200), ("30d", 2_592_000), ("0", 0), ("99999999d", 99_999_999 * DAY_S)]
)
def test_a_lifetime_is_a_number_and_a_unit(text, seconds):
    assert Lifetime.parse(text) == Lifetime(text, seconds)


@pytest.mark.parametrize(
    "text", ["", "30", "d", "0d", "00", "-1d", "+1d", "1.5h", "30D", "30 d", " 30d", "30d\n", "1w", "٣d", "100000000d", "1d12h"]
)
def test_anything_else_is_none_and_the_error_says_what_would_be(text):
    with pytest.raises(ValueError, match="like 30d, 12h or 90m"):
        Lifetime.parse(text)


@pytest.mark.parametrize(
    ("asked", "lives_s"),
    [("", 30 * DAY_S), ("1m", 60), ("45s", 45), ("90d", 90 * DAY_S), ("2160h", 90 * DAY_S)],
)
def test_a_key_lives_as_long_as_was_asked_up_to_the_cap(asked, lives_s):
    assert ends_at(asked, KEYS, NOW) == int(NOW) + lives_s


@pytest.mark.parametrize(
    ("asked", "end"),
    [
        ("2027-01-15", MIDNIGHT + DAY_S),  # all of that day
        ("2027-01-31", MIDNIGHT + 17 * DAY_S),
        ("2027-01-15T08:00:01Z", 1_800_000_001),
        ("2027-01-15t10:00:01.9+02:00", 1_800_000_001),
        ("2027-01-15T03:00:01-05:00", 1_800_000_001),
        ("2027-04-15T08:00:00z", 1_800_000_000 + 90 * DAY_S),
    ],
)
def test_or_until_a_date_or_a_time(asked, end):
    assert ends_at(asked, KEYS, NOW) == end


@pytest.mark.parametrize("asked", ["91d", "2161h", "7776001s", "2027-04-15", "2027-04-15T08:00:01Z", "9999-12-31"])
def test_past_the_cap_the_error_names_the_longest_allowed(asked):
    with pytest.raises(InvalidArgumentError, match="at most 90d, until 2027-04-15T08:00:00Z") as caught:
        ends_at(asked, KEYS, NOW)
    assert [v.field for v in caught.value.violations] == ["expires_in"]


@pytest.mark.parametrize("asked", ["2027-01-14", "1970-01-01", "0001-01-01", "2027-01-15T08:00:00Z", "2026-12-31T23:59:59Z"])
def test_what_has_passed_is_refused(asked):
    with pytest.raises(InvalidArgumentError, match="has passed; want a time within 90d"):
        ends_at(asked, KEYS, NOW)


@pytest.mark.parametrize(
    "asked",
    [
        *("soon", "0", "0d", "20270131", "2027-W05", "2027-02-30", "2027-13-01", "٢٠٢٧-01-31"),
        *("2027-01-31T12:00:00", "2027-01-31 12:00:00Z", "2027-01-31T12:00Z", "2027-01-31T25:00:00Z", "2027-01-31T12:00:60Z"),
        "2027-01-31T12:00:00+99:00",
    ],
)
def test_what_is_no_lifetime_is_refused_with_what_would_be(asked):
    with pytest.raises(InvalidArgumentError, match="want 30d, 12h, 90m or 45s, or until when: 2027-01-31"):
        ends_at(asked, KEYS, NOW)


@pytest.mark.parametrize(("asked", "seconds"), [("", DAY_S), ("0", 0), ("45s", 45), ("7d", 7 * DAY_S)])
def test_an_old_secret_works_for_the_grace_asked_for(asked, seconds):
    assert grace_s(asked, GRACE) == seconds


@pytest.mark.parametrize(("asked", "message"), [("8d", "at most 7d"), ("soon", "or 0 for not at all"), ("-1s", "want 24h")])
def test_another_grace_is_refused(asked, message):
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        grace_s(asked, GRACE)
    assert [v.field for v in caught.value.violations] == ["grace"]
