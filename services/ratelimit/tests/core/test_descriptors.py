"""What is read out of a descriptor, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_common.errors import InvalidArgumentError
from maas_ratelimit.core.descriptors import Admit, Settle, read_admit, read_settle

from services.ratelimit.tests.core.callers import RID, caller, entries

ADMIT = {"rid": RID, "bytes": "312", "max_out": "64"}
SEEN = {
    "input": "7",
    "output": "8",
    "total": "15",
    "cached": "3",
    "events": "9",
    "response_bytes": "400",
    "code": "200",
    "flags": "16384",
}
ANN = caller()


def test_an_arriving_request_is_read():
    assert read_admit(entries(ADMIT, {"kind": "admit"}), ANN) == Admit(RID, ANN, 312, 64)


@pytest.mark.parametrize("value", ["-", "", None])
def test_a_length_and_a_cap_may_be_absent(value):
    assert read_admit(entries(ADMIT, {"bytes": value, "max_out": value}), ANN) == Admit(RID, ANN, 0, None)


@pytest.mark.parametrize("name", ["tenant", "user", "model", "plan"])
@pytest.mark.parametrize("value", ["", "-", None])
def test_a_request_that_lacks_what_it_is_counted_by_is_refused(name, value):
    with pytest.raises(InvalidArgumentError, match=f'"{name}" is missing'):
        read_admit(entries(ADMIT), caller(**{name: value}) if name != "plan" else caller(value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rid", RID[1:]),
        ("rid", RID + "0"),
        ("rid", RID.upper()),
        ("rid", RID[:-1] + "\n"),
        ("rid", RID + "\n"),
        ("rid", "-"),
        ("rid", None),
        ("bytes", "-1"),
        ("bytes", "4 "),
        ("bytes", "٣"),
        ("max_out", "1e3"),
        ("max_out", "9" * 16),
    ],
)
def test_a_request_with_an_entry_that_can_not_be_read_is_refused(name, value):
    with pytest.raises(InvalidArgumentError, match=f'"{name}" is'):
        read_admit(entries(ADMIT, {name: value}), ANN)


def test_an_ended_request_is_read():
    assert read_settle(entries(ADMIT, SEEN), ANN) == Settle(RID, ANN, 312, 64, 7, 8, 15, 3, 9, 400, 200, 16384)


def test_what_an_ended_request_lacks_is_none():
    assert read_settle(entries({"rid": RID}), ANN) == Settle(RID, ANN, 0, None, None, None, None, None, 0, 0, 0, 0)


@given(st.sampled_from(sorted(SEEN)), st.text())
def test_counts_that_can_not_be_read_never_stop_a_settle(name, junk):
    read = read_settle(entries(ADMIT, SEEN, {name: junk}), ANN)
    assert replace(read, **{name: None}) == replace(read_settle(entries(ADMIT, SEEN), ANN), **{name: None})


@given(st.text().filter(lambda text: not text.isdecimal()))
def test_counts_that_can_not_be_read_are_none(junk):
    read = read_settle(entries(ADMIT, dict.fromkeys(SEEN, junk)), ANN)
    assert read == Settle(RID, ANN, read.bytes, read.max_out, None, None, None, None, 0, 0, 0, 0)


def test_a_settle_is_read_whoever_it_is_of():
    nobody = caller("7", user=None)
    assert read_settle(entries(ADMIT), nobody).caller is nobody


def test_an_ended_request_without_an_id_is_refused():
    with pytest.raises(InvalidArgumentError, match='"rid" is "-"'):
        read_settle(entries({"rid": "-"}), ANN)
