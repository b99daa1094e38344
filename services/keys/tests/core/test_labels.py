"""Labels of keys."""

from __future__ import annotations

import pytest
from maas_keys.core.labels import checked_labels


def test_labels_are_kept_by_name():
    labels = checked_labels("labels", {"b": "2", "a.b/c_d-E": "", "a": "Büro 2"})
    assert [*labels.items()] == [("a", "Büro 2"), ("a.b/c_d-E", ""), ("b", "2")]


@pytest.mark.parametrize(
    ("labels", "field"),
    [
        ({"": "x"}, "labels"),
        ({"-a": "x"}, "labels"),
        ({"a-": "x"}, "labels"),
        ({"a b": "x"}, "labels"),
        ({"ä": "x"}, "labels"),
        ({"a" * 64: "x"}, "labels"),
        ({"a\n": "x"}, "labels"),
        ({"a": "x" * 129}, "labels.a"),
        ({"a": "x\x00"}, "labels.a"),
    ],
)
def test_others_are_refused(wrong_fields, labels, field):
    assert wrong_fields(checked_labels, "labels", labels) == [field]


@pytest.mark.parametrize(("name", "value"), [("a" * 63, "x" * 128), ("0", "")])
def test_as_long_as_they_may_be(name, value):
    assert checked_labels("labels", {name: value}) == {name: value}
