"""What is read out of a descriptor, and what is refused."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_common.errors import InvalidArgumentError
from maas_ratelimit.core.descriptors import Admit, Settle, read_admit, read_settle

RID = "0123456789abcdef0123456789abcdef"
ADMIT = {"rid": RID, "tenant": "default", "user": "https://issuer|ann", "model": "small", "plan": "1", "bytes": "312", "max_out": "64"}
SEEN = {"input": "7", "output": "8", "total": "15", "events": "9", "response_bytes": "400", "code": "200", "flags": "16384"}


def entries(*parts: dict[str, str | None]) -> defaultdict[str, str]:
    """As protobuf has them: "" for what is not there."""
    given = {name: value for part in parts for name, value in part.items()}
    return defaultdict(str, {name: value for name, value in given.items() if value is not None})


def test_an_arriving_request_is_read():
    assert read_admit(entries(ADMIT, {"kind": "admit", "team": "-"})) == Admit(RID, "default", "https://issuer|ann", "small", "1", 312, 64)


@pytest.mark.parametrize("value", ["-", "", None])
def test_a_length_and_a_cap_may_be_absent(value):
    assert read_admit(entries(ADMIT, {"bytes": value, "max_out": value}))[-2:] == (0, None)


@pytest.mark.parametrize("name", ["rid", "tenant", "user", "model", "plan"])
@pytest.mark.parametrize("value", ["", "-", None])
def test_a_request_that_lacks_what_it_is_counted_by_is_refused(name, value):
    with pytest.raises(InvalidArgumentError, match=f'"{name}"'):
        read_admit(entries(ADMIT, {name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rid", RID[1:]),
        ("rid", RID + "0"),
        ("rid", RID.upper()),
        ("rid", RID[:-1] + "\n"),
        ("bytes", "-1"),
        ("max_out", "1e3"),
        ("max_out", "9" * 16),
    ],
)
def test_a_request_with_an_entry_that_can_not_be_read_is_refused(name, value):
    with pytest.raises(InvalidArgumentError, match=f'"{name}" is'):
        read_admit(entries(ADMIT, {name: value}))


def test_an_ended_request_is_read():
    assert read_settle(entries(ADMIT, SEEN)) == Settle(
        RID, "default", "https://issuer|ann", "small", "1", 312, 64, 7, 8, 15, 9, 400, 200, 16384
    )


def test_what_an_ended_request_lacks_is_none():
    assert read_settle(entries({"rid": RID})) == Settle(RID, "", "", "", "", 0, None, None, None, None, 0, 0, 0, 0)


@given(st.sampled_from(sorted(SEEN)), st.text())
def test_counts_that_can_not_be_read_never_stop_a_settle(name, junk):
    read = read_settle(entries(ADMIT, SEEN, {name: junk}))
    assert read._replace(**{name: None}) == read_settle(entries(ADMIT, SEEN))._replace(**{name: None})


def test_an_ended_request_without_an_id_is_refused():
    with pytest.raises(InvalidArgumentError, match='"rid" is "-"'):
        read_settle(entries({"rid": "-"}))
