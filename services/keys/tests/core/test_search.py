"""Where pages of keys end."""

from __future__ import annotations

import pytest
from maas_keys.core.api_key import KeyKind
from maas_keys.core.search import SortBy, position


@pytest.mark.parametrize(
    ("fields", "sort", "value"),
    [
        ({}, SortBy.PERSONAL_FIRST, 0),
        ({"kind": KeyKind.PERSONAL}, SortBy.PERSONAL_FIRST, 1),
        ({}, SortBy.CREATED_AT, 1000),
        ({"expires_at": 7}, SortBy.EXPIRES_AT, 7),
        ({}, SortBy.LAST_USED_AT, 0),
        ({"name": "desk"}, SortBy.NAME, "desk"),
    ],
)
def test_a_page_ends_at_its_last_keys_value_and_place_in_the_log(key, fields, sort, value):
    assert position(key(**fields), sort) == (value, 3)
