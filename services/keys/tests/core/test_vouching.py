from __future__ import annotations

from dataclasses import replace

import pytest
from maas_keys.core.user import Person, User
from maas_keys.core.vouching import concerns_keys, is_news, vouched

ALICE = Person("default", "https://idp", "sub-1", "alice", "alice@example.com", ("staff",), 1000)
USER = User("abcdefghijkl", ALICE, created_at=500, last_seen_at=1000)


@pytest.mark.parametrize(("at", "wins"), [(999, False), (1000, True), (1001, True)])
def test_the_newer_word_wins_and_of_two_of_one_time_the_later(at, wins):
    other = replace(ALICE, groups=("blue",), groups_at=at)
    assert vouched(USER, other) == (replace(USER, person=other) if wins else USER)


@pytest.mark.parametrize(
    ("fields", "news", "keys"),
    [
        ({}, False, False),
        ({"groups_at": 86_399}, False, False),
        ({"groups_at": 86_400}, False, True),
        ({"email": "new@example.com"}, True, False),
        ({"username": "alicia"}, True, True),
        ({"groups": ()}, True, True),
    ],
)
def test_what_is_news_and_what_concerns_keys(fields, news, keys):
    after = replace(ALICE, **fields)
    assert (is_news(ALICE, after), concerns_keys(ALICE, after)) == (news, keys)
