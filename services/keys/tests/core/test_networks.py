"""Networks that keys may be used from."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_common.errors import InvalidArgumentError
from maas_keys.core.networks import networks


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        ((), ()),
        (("10.0.0.0/8",), ("10.0.0.0/8",)),
        (("10.1.2.3",), ("10.1.2.3/32",)),
        (("10.0.0.0/255.0.0.0", "10.0.0.0/8"), ("10.0.0.0/8",)),
        (("2001:DB8:0::/32", "2001:db8::1"), ("2001:db8::/32", "2001:db8::1/128")),
        (("2001:db8::/32", "192.168.0.0/16", "9.0.0.0/8"), ("9.0.0.0/8", "192.168.0.0/16", "2001:db8::/32")),
        (("::ffff:10.0.0.0/104", "::ffff:10.1.2.3"), ("10.0.0.0/8", "10.1.2.3/32")),
        (("::/0", "0.0.0.0/0"), ("0.0.0.0/0", "::/0")),
        (("::ffff:0:0/95",), None),
    ],
)
def test_networks_are_kept_in_one_form_and_order(texts, kept):
    if kept is None:
        with pytest.raises(InvalidArgumentError, match=r"want ::fffe:0:0/95"):
            networks("allowed_ips", texts)
    else:
        assert networks("allowed_ips", texts) == kept


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.1/8", r"bits set past its prefix; want 10\.0\.0\.0/8"),
        ("2001:db8::1/32", "want 2001:db8::/32"),
        ("10.0.0.0/33", "want a network like"),
        ("10.0.0", "want a network like"),
        ("", "want a network like"),
        ("example.org", "want a network like"),
        ("fe80::1%eth0", "want a network like"),
        ("010.0.0.1", "want a network like"),
        ("10.0.0.0/8 ", "want a network like"),
    ],
)
def test_what_is_no_network_is_refused_by_its_place(text, message):
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        networks("allowed_ips", ("10.0.0.0/8", text))
    assert [v.field for v in caught.value.violations] == ["allowed_ips[1]"]


@given(st.lists(st.tuples(st.ip_addresses(), st.integers(0, 128)), max_size=8))
def test_what_is_kept_stays_as_it_is_and_holds_every_address_given(given_):
    texts = [f"{address}/{min(bits, address.max_prefixlen)}" for address, bits in given_]
    texts = [str(ip_network(text, strict=False)) for text in texts]
    kept = networks("allowed_ips", texts)
    assert networks("allowed_ips", kept) == kept
    for text in texts:
        address = ip_address(text.partition("/")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        assert any(address in ip_network(each) or (mapped and mapped in ip_network(each)) for each in kept)
