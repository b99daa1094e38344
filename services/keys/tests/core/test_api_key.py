"""What a key is good for, and what of it is shown."""

from __future__ import annotations

import pytest
from maas_keys.core.api_key import KeyHash, is_key_id

END = 1000 + 30 * 86_400
WAITS, OFF, ENDED = {"pending_reasons": ("x",)}, {"is_disabled": True}, {"revoked_at": 5}


@pytest.mark.parametrize(
    ("fields", "before", "after"),
    [
        ({}, "active", "expired"),
        (WAITS, "pending", "expired"),
        (OFF, "disabled", "expired"),
        (OFF | WAITS, "disabled", "expired"),
        (ENDED, "revoked", "revoked"),
        (ENDED | OFF | WAITS, "revoked", "revoked"),
    ],
)
def test_what_rules_a_key_out_most_is_its_status(key, fields, before, after):
    assert key(**fields).status(END - 0.5) == before
    assert key(**fields).status(END) == after


def test_its_version_is_its_revision(key):
    assert key(revision=12).etag == "12"


def test_what_is_shown_of_it_is_its_prefix_and_id(key):
    assert (key().shown, key().masked) == ("sk-test-abcdefghijkl", "sk-test-abc…")
    foreign = key(prefix="abc-", hashes=(KeyHash("", b"1" * 32),))
    assert (foreign.shown, foreign.masked) == ("abc-", "abc-…")


@pytest.mark.parametrize("text", ["abcdefghijkl", "0123456789AZ"])
def test_an_id_is_twelve_letters_and_digits(text):
    assert is_key_id(text)


@pytest.mark.parametrize("text", ["", "abcdefghijk", "abcdefghijklm", "abcdefghijk-", "abcdefghijké", "abcdefghijkl\n"])
def test_anything_else_is_none(text):
    assert not is_key_id(text)
