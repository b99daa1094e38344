"""Who is meant by a name."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError
from maas_keys.core.user import Person, User
from maas_keys.core.user_search import the_user


def user(user_id, subject, username="", email=""):
    return User(user_id, Person("default", "https://idp", subject, username or subject, email, (), 0), 0, 0)


ANN = user("aaaaaaaaaaaa", "ann", email="Ann@Example.com")
NAMED_LIKE_HER = user("bbbbbbbbbbbb", "b", username="ann@example.com")
TWIN = user("cccccccccccc", "c", username="ann")


@pytest.mark.parametrize("name", ["aaaaaaaaaaaa", "https://idp|ann", "ann@example.com"])
def test_the_more_exact_name_wins(name):
    assert the_user("member", name, [NAMED_LIKE_HER, TWIN, ANN]) is ANN


def test_a_username_alone_names_whoever_has_it():
    assert the_user("member", "ann", [TWIN]) is TWIN


def test_nobody_is_named_as_such():
    with pytest.raises(InvalidArgumentError, match='member: no user "x" is known'):
        the_user("member", "x", [])


def test_a_name_of_several_tells_who_they_are():
    with pytest.raises(InvalidArgumentError, match=r"https://idp\|ann, https://idp\|c"):
        the_user("member", "ann", [TWIN, ANN])
