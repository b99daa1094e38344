"""What a watcher has missed."""

from __future__ import annotations

import pytest
from maas_keys.core.changes import Change, Changes, Kind, changes_since

A, B = Change(Kind.KEY, "default", "a"), Change(Kind.TEAM, "default", "b")


@pytest.mark.parametrize(
    ("after", "revision", "oldest", "logged", "changed"),
    [
        (0, 0, 1, [], ()),
        (5, 5, 3, [], ()),
        (5, 5, 6, [], ()),
        (3, 5, 1, [A, B], (A, B)),
        (2, 5, 3, [A, B, A], (A, B)),
        (2, 5, 4, [B, A], None),
        (0, 5, 6, [], None),
        (9, 5, 1, [], None),
    ],
    ids=[
        *("nothing yet", "nothing new", "nothing new and all was cut", "all of it", "each once"),
        *("the log was cut", "all was cut", "ahead of the log"),
    ],
)
def test_a_watcher_is_told_what_changed_or_to_start_anew(after, revision, oldest, logged, changed):
    assert changes_since(after, revision, oldest, logged) == Changes(revision, changed)
