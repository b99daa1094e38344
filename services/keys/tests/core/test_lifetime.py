"""How long keys live."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError
from maas_keys.core.lifetime import Lifetime, lifetime

DEFAULT, LONGEST = Lifetime.parse("30d"), Lifetime.parse("90d")


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("90m", 5400), ("12h", 43_200), ("30d", 2_592_000), ("99999999d", 99_999_999 * 86_400)]
)
def test_a_lifetime_is_a_number_and_a_unit(text, seconds):
    assert Lifetime.parse(text) == Lifetime(text, seconds)


@pytest.mark.parametrize(
    "text", ["", "30", "d", "0d", "-1d", "+1d", "1.5h", "30D", "30 d", " 30d", "30d\n", "1w", "٣d", "100000000d", "1d12h"]
)
def test_anything_else_is_none_and_the_error_says_what_would_be(text):
    with pytest.raises(ValueError, match="like 30d, 12h or 90m"):
        Lifetime.parse(text)


@pytest.mark.parametrize(("asked", "given"), [("", "30d"), ("1m", "1m"), ("90d", "90d"), ("2160h", "2160h")])
def test_a_key_gets_the_default_or_what_was_asked_up_to_the_cap(asked, given):
    assert lifetime(asked, default=DEFAULT, longest=LONGEST).text == given


@pytest.mark.parametrize("asked", ["91d", "2161h", "7776001s"])
def test_past_the_cap_the_error_names_the_longest_allowed(asked):
    with pytest.raises(InvalidArgumentError, match="at most 90d") as caught:
        lifetime(asked, default=DEFAULT, longest=LONGEST)
    assert [v.field for v in caught.value.violations] == ["expires_in"]


def test_a_malformed_lifetime_is_a_violation_of_its_field():
    with pytest.raises(InvalidArgumentError, match="expires_in: want a whole number"):
        lifetime("soon", default=DEFAULT, longest=LONGEST)
