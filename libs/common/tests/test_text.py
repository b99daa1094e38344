"""Texts given by people."""

from __future__ import annotations

import pytest
from maas_common.text import has_controls, shows_nothing


@pytest.mark.parametrize("text", ["a\nb", "\x00", "a\x7f", "\u2028", "\u202eevil", "a\u2066b\u2069", "\x9b31m"])
def test_what_forges_a_line_or_turns_it_around_is_a_control(text):
    assert has_controls(text)


@pytest.mark.parametrize("text", ["", "Ann's key", "Zoë", "ключ", "鍵", "👩\u200d💻", "שלום", "a\u00a0b"])
def test_what_people_write_is_none(text):
    assert not has_controls(text)


def test_what_is_allowed_is_none():
    assert not has_controls("a\r\n\tb", "\t\r\n")
    assert has_controls("a\x00b", "\t\r\n")


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\ufeff", "\u00ad \u2060", "\u3000", "\u0301"])
def test_some_texts_show_nothing(text):
    assert shows_nothing(text)


@pytest.mark.parametrize("text", ["a", " a ", "\u200ba", "👩\u200d💻", "."])
def test_others_show_something(text):
    assert not shows_nothing(text)
