"""Whatever a request's bytes are, they say what reading every entry says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from hypothesis import given
from hypothesis import strategies as st
from maas_common.errors import InvalidArgumentError
from maas_ratelimit.adapters import descriptor_wire
from maas_ratelimit.adapters.descriptor_wire import DescriptorReader
from maas_ratelimit.core.callers import Caller
from maas_ratelimit.core.descriptors import Admit, Settle
from maas_ratelimit.core.plans import Plans

RID = "0123456789abcdef0123456789abcdef"
WHO = {"tenant": "default", "key": "k1", "user": "https://issuer|ann", "team": "-", "tier": "free", "group": "everybody", "model": "small"}
ADMIT = {"kind": "admit", "rid": RID} | WHO | {"plan": "1;a:requests:9:1m:user", "price": "1/2/3", "bytes": "312", "max_out": "64"}
SEEN = {"input": "7", "output": "8", "total": "-", "cached": "3", "events": "9", "response_bytes": "400", "code": "200", "flags": "0"}
SETTLE = ADMIT | {"kind": "settle"} | SEEN
PLANS = Plans()

Entries = list[tuple[str, str]]


def packed(*descriptors: Entries, domain: str = "maas", addend: int | None = None, total: int = 0) -> bytes:
    """`addend` is a descriptor's own hits_addend, `total` the request's."""
    request = rls_pb2.RateLimitRequest(domain=domain, hits_addend=total)
    for entries in descriptors:
        descriptor = request.descriptors.add()
        if addend is not None:
            descriptor.hits_addend.value = addend
        for key, value in entries:
            descriptor.entries.add(key=key, value=value)
    return request.SerializeToString()


def told(read, payload: bytes) -> Any:
    """What it says, callers by all that they say."""
    try:
        asked = read(payload)
    except InvalidArgumentError as error:
        return error.message
    if isinstance(asked, Admit | Settle):
        return type(asked), replace(asked, caller=facts(asked.caller))
    return asked


def facts(caller: Caller) -> dict[str, Any]:
    every = {name: getattr(caller, name) for name in Caller.__slots__}
    return every | {"refusal": caller.refusal and caller.refusal.message}


class Quickly:
    """A reader, and whether it had to read entry by entry."""

    def __init__(self) -> None:
        self.reader = DescriptorReader(PLANS)
        self.slow = 0
        self._every_entry = self.reader._read_every_entry
        self.reader._read_every_entry = self._counted

    def read(self, payload: bytes):
        return self.reader.read(payload)

    def every_entry(self, payload: bytes):
        return self._every_entry(payload)

    def _counted(self, payload: bytes):
        self.slow += 1
        return self._every_entry(payload)


def agree(payload: bytes) -> Quickly:
    """The first time it is read, and again by what is remembered of it."""
    quickly = Quickly()
    expected = told(quickly.every_entry, payload)
    assert told(quickly.read, payload) == expected
    assert told(quickly.read, payload) == expected
    return quickly


def is_quick(payload: bytes) -> bool:
    return agree(payload).slow == 0


def entry(key: str, value: str) -> str:
    """An entry as it is on the wire, for use inside another's value."""
    inner = f"\n{chr(len(key))}{key}\x12{chr(len(value))}{value}"
    return f"\n{chr(len(inner))}{inner}"


LOOK_ALIKES = [
    "\n\x05bytes\x12",
    "\x05bytes\x12",
    "\n\x03rid\x12 ",
    "\n\x04kind\x12\x05admit",
    "\n\x04maas\x12",
    entry("rid", RID.replace("0", "f")),
    entry("kind", "settle"),
    entry("user", "ben"),
    entry("plan", "1"),
    entry("bytes", "1"),
    entry("bytes", "1") + entry("max_out", "2"),
    entry("max_out", "2"),
    entry("flags", "0"),
    "".join(entry(name, "1") for name in ("bytes", "max_out", *SEEN)),
    "\x1a\x00",
    "\x18\x01",
]
HOSTILE = st.lists(st.sampled_from(LOOK_ALIKES) | st.text(max_size=4), min_size=1, max_size=4).map("".join)
LONG = st.integers(100, 400).map(lambda length: "x" * length)
COUNTS = st.sampled_from(["-", "", "0", "007", "9" * 11, "9" * 12, "9" * 15, "9" * 16, "1\n", "+1", "٣"]) | st.integers(0, 10**15).map(str)
VALUES = HOSTILE | LONG | COUNTS | st.text(max_size=40)
KEYS = st.sampled_from([*SETTLE, "kind", "rid", "bytes", "other"]) | st.text(max_size=12) | HOSTILE


@st.composite
def descriptors(draw) -> Entries:
    """Some like Envoy's but for a few entries, some in any order, with any missing, others twice, and such that nobody knows."""
    entries = list(draw(st.sampled_from([ADMIT, SETTLE])).items())
    if draw(st.booleans()):
        entries = [(key, draw(COUNTS) if key in {"bytes", "max_out", *SEEN} else value) for key, value in entries]
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(entries)))
        change = draw(st.sampled_from(["value", "value", "drop", "add", "repeat", "move", "cut"]))
        if change == "add" or place == len(entries):
            entries.insert(place, (draw(KEYS), draw(VALUES)))
        elif change == "value":
            entries[place] = (entries[place][0], draw(VALUES))
        elif change == "drop":
            del entries[place]
        elif change == "repeat":
            entries.insert(draw(st.integers(0, len(entries))), entries[place])
        elif change == "move":
            entries.insert(draw(st.integers(0, len(entries) - 1)), entries.pop(place))
        else:
            del entries[place:]
    return entries


@given(descriptors(), st.none() | st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_one_descriptor_says_what_its_entries_say(entries, addend, total):
    agree(packed(entries, addend=addend, total=total))


@given(st.sampled_from([ADMIT, SETTLE]), st.sampled_from(list(SETTLE)), HOSTILE, st.data())
def test_a_hostile_value_says_nothing_but_itself(known, key, hostile, data):
    """Also where all that follows it is missing, and so would be told by the value alone."""
    entries = list((known | {key: known.get(key, "") + hostile}).items())
    place = [name for name, _ in entries].index(key)
    end = data.draw(st.sampled_from([place + 1, len(entries)]))
    agree(packed(entries[:end]))


@pytest.mark.parametrize("missing", range(1, len(SETTLE)))
def test_a_value_that_looks_like_all_that_is_missing_after_it_is_a_value(missing):
    entries = list(SETTLE.items())
    (key, value), after = entries[-missing - 1], entries[-missing:]
    looks = "".join(entry(*each) for each in after)
    for whole in (value + looks, looks, value[:1] + looks):
        assert not is_quick(packed([*entries[: -missing - 1], (key, whole)]))


@pytest.mark.parametrize("known", [ADMIT, SETTLE])
@pytest.mark.parametrize(
    ("key", "value"), [("kind", "settle"), ("kind", "admit"), ("rid", "f" * 32), ("user", "ben"), ("bytes", "1"), ("flags", "1")]
)
def test_of_an_entry_that_is_there_twice_the_last_counts(known, key, value):
    entries = list(known.items())
    for place in range(len(entries) + 1):
        agree(packed([*entries[:place], (key, value), *entries[place:]]))


@given(st.lists(descriptors(), max_size=3), st.sampled_from(["maas", "edge", "", "maas2", "maaS"]))
def test_any_number_of_descriptors_of_any_domain(several, domain):
    agree(packed(*several, domain=domain))


@given(st.sampled_from([packed(list(ADMIT.items())), packed(list(SETTLE.items()), addend=0)]), st.integers(0), st.binary(max_size=3))
def test_broken_bytes_are_refused_or_read_but_never_an_error_of_another_kind(payload, place, junk):
    cut = place % len(payload)
    for broken in (payload[:cut], payload[:cut] + junk + payload[cut:], payload[:cut] + junk + payload[cut + len(junk) :]):
        assert told(Quickly().read, broken) is not None


@given(st.binary(max_size=300))
def test_junk_says_nothing(junk):
    agree(junk)


@pytest.mark.parametrize(
    ("known", "changes", "quick"),
    [
        (ADMIT, {}, True),
        (SETTLE, {}, True),
        (ADMIT, {"bytes": "-", "max_out": "-"}, True),
        (SETTLE, dict.fromkeys(SEEN, "-"), True),
        (SETTLE, {"response_bytes": "9" * 11}, True),
        (SETTLE, {"response_bytes": "9" * 15}, False),
        (ADMIT, {"user": "u" * 500}, True),
        (SETTLE, {"plan": "7"}, True),
        (ADMIT, {"plan": "7"}, False),
        (ADMIT, {"bytes": "many"}, False),
        (SETTLE, {"total": "many"}, False),
        (ADMIT, {"other": "x"}, False),
    ],
)
def test_what_envoy_sends_is_read_quickly_and_what_is_odd_is_not(known, changes, quick):
    assert is_quick(packed(list((known | changes).items()))) is quick


def test_a_settle_without_a_code_and_flags_is_read():
    """Envoy leaves them out where there are none."""
    assert not is_quick(packed(list(SETTLE.items())[:-2]))


def test_a_caller_is_read_once():
    reader = DescriptorReader(PLANS)
    admit = reader.read(packed(list(ADMIT.items())))
    settle = reader.read(packed(list((SETTLE | {"rid": "f" * 32, "bytes": "9"}).items()), addend=0))
    other = reader.read(packed(list((ADMIT | {"user": "ben"}).items())))
    assert admit.caller is settle.caller
    assert other.caller is not admit.caller


def test_callers_and_counts_are_forgotten_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(descriptor_wire, "_MOST", 2)
    quickly = Quickly()
    for _ in range(2):
        for number in range(4):
            payload = packed(list((ADMIT | {"user": f"user{number}", "bytes": f"{number}"}).items()))
            assert told(quickly.read, payload) == told(quickly.every_entry, payload)
    assert (quickly.slow, len(quickly.reader._callers), len(quickly.reader._admit_counts)) == (0, 2, 2)


@pytest.mark.parametrize(
    ("payload", "is_admission"),
    [
        (packed(list(ADMIT.items())), True),
        (packed(list(SETTLE.items())), False),
        (packed(list(ADMIT.items()), domain="edge"), False),
    ],
)
def test_of_what_was_not_delivered_only_an_admission_is_told(payload, is_admission):
    found = DescriptorReader(PLANS).undelivered(payload)
    assert (found is not None) is is_admission
    if found is not None:
        assert (found[0], found[1].user) == (RID, WHO["user"])
