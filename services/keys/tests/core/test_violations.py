"""Wrong fields, collected."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError, NotFoundError
from maas_keys.core.violations import Violations


def test_everything_wrong_is_told_at_once_and_by_its_place():
    wrong = Violations("keys[3].")
    for field in ("a", "b"):
        with wrong:
            raise InvalidArgumentError.of(field, "is wrong")
    with wrong:
        pass
    with pytest.raises(InvalidArgumentError) as caught:
        wrong.refuse()
    assert caught.value.message == "keys[3].a: is wrong; keys[3].b: is wrong"
    assert [v.field for v in caught.value.violations] == ["keys[3].a", "keys[3].b"]


def test_nothing_wrong_refuses_nothing():
    Violations().refuse()


def test_other_errors_are_not_kept():
    with pytest.raises(NotFoundError), Violations():
        raise NotFoundError("x")


def test_of_very_many_the_first_are_told():
    wrong = Violations()
    for number in range(23):
        with wrong:
            raise InvalidArgumentError.of(f"f{number}", "is wrong")
    with pytest.raises(InvalidArgumentError, match="; and 3 more") as caught:
        wrong.refuse()
    assert len(caught.value.violations) == 20
