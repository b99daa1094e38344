"""Whom the gateway speaks for. What networks hold is in decisions/key-terms.yaml."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_authz.core.address import client_address


@pytest.mark.parametrize(
    ("forwarded_for", "hops", "client"),
    [
        ("1.1.1.1", 0, "9.9.9.9"),
        (None, 0, "9.9.9.9"),
        ("forged,1.1.1.1,10.0.0.1", 1, "1.1.1.1"),
        ("forged, 1.1.1.1 , 10.0.0.2, 10.0.0.1", 2, "1.1.1.1"),
        ("1.1.1.1", 1, ""),
        ("", 1, ""),
        (None, 3, ""),
    ],
)
def test_each_trusted_proxy_is_one_place_from_the_right(forwarded_for, hops, client):
    assert client_address("9.9.9.9", forwarded_for, hops) == client


@given(st.text(), st.integers(1, 4), st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2"]), min_size=5, max_size=5))
def test_what_a_client_writes_itself_changes_nothing(forged, hops, proxies):
    written = ", ".join(["203.0.113.7", *proxies[:hops]])
    assert client_address("9.9.9.9", f"{forged}, {written}", hops) == "203.0.113.7"
