"""API keys: well-formed or nothing; hashed with peppers; never printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_common.apikey import ALPHABET, Peppers, hash_key, key_id_of, mint, without_secrets

KEY = mint(random_bytes=lambda count: bytes(range(count)))


def test_a_minted_key_has_its_format_and_names_its_id():
    made = mint("sk-acme-")
    assert made.text.startswith(f"sk-acme-{made.id}_")
    assert len(made.text) == len("sk-acme-") + 12 + 1 + 43 + 6
    assert key_id_of(made.text, "sk-acme-") == made.id
    assert key_id_of(made.text) is None


def test_a_new_secret_for_an_id_keeps_the_id():
    made = mint("sk-acme-", "abcdefghijkl")
    assert made.id == key_id_of(made.text, "sk-acme-") == "abcdefghijkl"
    assert made.text != mint("sk-acme-", "abcdefghijkl").text


def test_two_keys_are_never_the_same():
    assert len({mint().text for _ in range(100)}) == 100


def test_a_key_refuses_to_be_printed():
    assert KEY.text not in repr(KEY)
    assert KEY.id in repr(KEY)


@pytest.mark.parametrize("shown", [KEY.text, KEY.text[:-9], KEY.text + "x", f"team {KEY.text!r}, or {mint('my_own_', KEY.id).text}"])
def test_a_text_keeps_the_id_of_a_key_in_it_and_loses_the_secret(shown):
    secret = KEY.text.partition("_")[2]
    left = without_secrets(shown)
    assert KEY.id in left
    assert secret[:16] not in left
    assert without_secrets(left) == left


def test_a_text_without_keys_stays_as_it_is():
    text = f'API key "{KEY.id}": limits[0].id "total_tokens-1h" is taken; 0123456789ab_short'
    assert without_secrets(text) == text


@given(st.integers(0, len(KEY.text) - 1), st.sampled_from(ALPHABET + "_-é \n"))
def test_any_single_wrong_character_is_noticed(position, character):
    text = KEY.text[:position] + character + KEY.text[position + 1 :]
    assert (key_id_of(text) == KEY.id) == (text == KEY.text)


@given(st.text(max_size=90))
def test_junk_is_no_key(text):
    assert key_id_of(text) is None
    assert key_id_of("sk-maas-" + text) is None


def test_old_peppers_verify_and_the_first_is_used_for_new_keys():
    old, new = "a:" + "11" * 32, "b:" + "22" * 32
    both = Peppers.parse(f"{new}\n{old}\n")
    pepper_id, digest = both.hash(KEY.text)
    assert (pepper_id, digest) == ("b", hash_key(KEY.text, bytes.fromhex("22" * 32)))
    assert both.matches(KEY.text, "b", digest)
    assert both.matches(KEY.text, *Peppers.parse(old).hash(KEY.text))
    assert not both.matches(KEY.text + "x", "b", digest)
    assert not Peppers.parse(old).matches(KEY.text, "b", digest)


@pytest.mark.parametrize("text", ["", "nonsense", "a:zz", "a:1122", ":" + "11" * 32, "a:" + "11" * 32 + "\na:" + "22" * 32])
def test_a_bad_pepper_file_is_refused_without_showing_it(text):
    with pytest.raises(ValueError, match="pepper") as caught:
        Peppers.parse(text)
    assert "11" * 32 not in str(caught.value)
