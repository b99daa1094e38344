"""Who is meant by a name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from maas_common.errors import InvalidArgumentError
from maas_keys.core.user import Person, User
from maas_keys.core.user_search import the_user


def user(user_id, subject, username="", email=""):
    return User(user_id, Person("default", "https://idp", subject, username or subject, email, (), 0), 0, 0)


ANN = user("aaaaaaaaaaaa", "ann", email="Ann@Example.com")
NAMED_LIKE_HER = user("bbbbbbbbbbbb", "b", username="ann@example.com")
NAMED_LIKE_HER_IDENTITY = user("dddddddddddd", "d", username="https://idp|ann")
NAMED_LIKE_HER_ID = user("eeeeeeeeeeee", "e", username="aaaaaaaaaaaa")
TWIN = user("cccccccccccc", "c", username="ann", email="ann")
LIKE_HER = [NAMED_LIKE_HER, NAMED_LIKE_HER_IDENTITY, NAMED_LIKE_HER_ID, TWIN]


@pytest.mark.parametrize("name", ["aaaaaaaaaaaa", "https://idp|ann", "ann@example.com"])
def test_the_more_exact_name_wins(name):
    assert the_user("member", name, [*LIKE_HER, ANN]) is ANN


@pytest.mark.parametrize("name", ["https://idp|ann", "ann@example.com"])
def test_nobody_passes_for_another_by_a_username(name):
    with pytest.raises(InvalidArgumentError, match="no user"):
        the_user("member", name, LIKE_HER)


def test_nor_by_an_email_that_is_none():
    ann = user("ffffffffffff", "f", username="ann")
    assert the_user("member", "ann", [replace(TWIN, person=replace(TWIN.person, username="c")), ann]) is ann


def test_an_email_of_several_tells_who_they_are():
    other = replace(ANN, person=replace(ANN.person, issuer="https://other"))
    with pytest.raises(InvalidArgumentError, match=r"https://idp\|ann, https://other\|ann; give one of these"):
        the_user("member", "ann@example.com", [other, ANN])


def test_a_username_alone_names_whoever_has_it():
    assert the_user("member", "ann", [TWIN]) is TWIN


def test_nobody_is_named_as_such():
    with pytest.raises(InvalidArgumentError, match='member: no user "x" is known'):
        the_user("member", "x", [])


def test_a_name_of_several_tells_who_they_are():
    with pytest.raises(InvalidArgumentError, match=r"https://idp\|ann, https://idp\|c"):
        the_user("member", "ann", [TWIN, ANN])
