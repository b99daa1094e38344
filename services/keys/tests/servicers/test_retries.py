"""Changes that meet another's."""

from __future__ import annotations

import asyncio

import pytest
from maas_common.errors import ConflictError
from maas_keys.servicers.retries import retried


class Attempts:
    """Meets another's change so many times before it goes through."""

    def __init__(self, conflicts):
        self.conflicts = conflicts
        self.made = 0

    async def __call__(self):
        self.made += 1
        if self.made <= self.conflicts:
            raise ConflictError("changed meanwhile")
        return "done"


@pytest.mark.parametrize("conflicts", [0, 1, 3])
def test_a_change_without_an_etag_is_tried_again(conflicts):
    attempt = Attempts(conflicts)
    assert asyncio.run(retried(attempt, etag="")) == "done"
    assert attempt.made == conflicts + 1


def test_it_is_tried_three_times_more_and_no_longer():
    attempt = Attempts(99)
    with pytest.raises(ConflictError):
        asyncio.run(retried(attempt, etag=""))
    assert attempt.made == 4


def test_who_says_what_they_change_changes_only_that():
    attempt = Attempts(1)
    with pytest.raises(ConflictError):
        asyncio.run(retried(attempt, etag="7"))
    assert attempt.made == 1
