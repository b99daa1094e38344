"""What a watcher has missed."""

from __future__ import annotations

import pytest
from maas_keys.core.changes import Changes, changes_since


@pytest.mark.parametrize(
    ("after", "revision", "logged", "ids"),
    [
        (0, 0, [], ()),
        (5, 5, [], ()),
        (3, 5, ["a", "b"], ("a", "b")),
        (2, 5, ["a", "b", "a"], ("a", "b")),
        (2, 5, ["b", "a"], None),
        (0, 5, [], None),
        (9, 5, [], None),
    ],
    ids=["nothing yet", "nothing new", "all of it", "each key once", "the log was cut", "all was cut", "ahead of the log"],
)
def test_a_watcher_is_told_the_ids_or_to_start_anew(after, revision, logged, ids):
    assert changes_since(after, revision, logged) == Changes(revision, ids)
