"""Descriptors of domain `maas`, from the bytes of a RateLimitRequest.

Envoy writes the entries in the order of its configuration, so all of a caller's requests have the same bytes between their id and
their counts. What those bytes say is remembered, and the rest is short: that costs a third of reading every entry. Whatever does not
look like that is read entry by entry, and gives the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from maas_common.errors import InvalidArgumentError

from maas_ratelimit.adapters import envoy_rls
from maas_ratelimit.core.callers import ENTRIES, Caller
from maas_ratelimit.core.descriptors import COUNTS, DOMAIN, Admit, Settle, read_admit, read_settle
from maas_ratelimit.core.plans import Plans

_MOST = 16384
"""Callers remembered, and as many lengths and caps of requests."""
_NO_COUNTS = b"\x05bytes\x12"
"""Begins the key of the first count; what is before it in its entry has three bytes."""


_FEW = 4096
"""Counts below this are looked up: most of tokens and events, and every status."""
_MOST_DIGITS = 11
"""Of a count that is read quickly: so a value that has the next entry in it, which takes 12 bytes, is not taken for a count."""


def _entry(key: str, lengths: bytes, value: bytes) -> bytes:
    """A pattern for an entry; `lengths` for that of its value."""
    return rb"\n.\n" + re.escape(bytes((len(key),)) + key.encode()) + rb"\x12" + lengths + value


def _counts(names: tuple[str, ...]) -> re.Pattern[bytes]:
    """All counts that a descriptor ends with, and the two hits_addend, which mean nothing here."""
    count, length = rb"(-|[0-9]{1,%d})" % _MOST_DIGITS, rb"[\x01-\x%02x]" % _MOST_DIGITS
    *others, last = names
    end = rb"(?:\x1a\x00)?(?:\x18[\x00-\x7f])?\Z"
    exact = b"|".join(
        rb"\x%02x[-0-9]{%d}%s" % (digits, digits, end) for digits in range(1, _MOST_DIGITS + 1)
    )  # nothing after it is its value's
    entries = [*(_entry(name, length, count) for name in others), _entry(last, b"(?=" + exact + b")" + length, count)]
    return re.compile(b"".join(entries) + end, re.DOTALL)


_HEAD = re.compile(
    rb"\n\x04maas\x12[\x80-\xff]{1,2}[\x00-\x7f]"
    + _entry("kind", b"", rb"(\x05admit|\x06settle)")
    + _entry("rid", rb"\x20", rb"([0-9a-f]{32})"),
    re.DOTALL,
)
_ADMIT_COUNTS, _SETTLE_COUNTS = _counts(COUNTS[:2]), _counts(COUNTS)


class _Numbers(dict[bytes, int | None]):
    """Counts by how they are written; those that are not among them are read."""

    def __missing__(self, text: bytes) -> int:
        return int(text)


_NUMBER = _Numbers({str(count).encode(): count for count in range(_FEW)} | {b"-": None}).__getitem__


class DescriptorReader:
    """Reads requests. For one thread."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        self._callers: dict[bytes, Caller | None] = {}
        self._admit_counts: dict[bytes, tuple[int, int | None] | None] = {}

    def read(self, payload: bytes) -> Admit | Settle | bytes:
        """What arrived, or has ended. Bytes: the answer to a request of another domain, which has no limits.

        InvalidArgumentError says what can't be read.
        """
        head = _HEAD.match(payload)
        if head is None:
            return self._read_every_entry(payload)
        kind, rid = head.groups()
        begin = payload.rfind(_NO_COUNTS) - 3
        caller = self._caller(payload[head.end() : begin])
        if caller is None:
            return self._read_every_entry(payload)
        if kind == b"\x05admit":
            counts = self._counts_of_admit(payload[begin:])
            if counts is None or caller.refusal is not None:
                return self._read_every_entry(payload)
            return Admit(rid.decode(), caller, *counts)
        match = _SETTLE_COUNTS.fullmatch(payload, begin)
        if match is None:
            return self._read_every_entry(payload)
        length, max_out, inputs, outputs, total, cached, events, response_bytes, code, flags = map(_NUMBER, match.groups())
        return Settle(
            rid.decode(),
            caller,
            length or 0,
            max_out,
            inputs,
            outputs,
            total,
            cached,
            events or 0,
            response_bytes or 0,
            code or 0,
            flags or 0,
        )

    def undelivered(self, payload: bytes) -> tuple[str, Caller] | None:
        """Request id and caller of an admission; None when the bytes are none."""
        request = envoy_rls.unpack(payload)
        if request.domain != DOMAIN:
            return None
        entries = envoy_rls.only_descriptor(request)
        return (entries["rid"], Caller(entries, self._plans)) if entries["kind"] == "admit" else None

    def _caller(self, packed: bytes) -> Caller | None:
        """Who these entries tell of; None when they are others than a caller's."""
        try:
            return self._callers[packed]
        except KeyError:
            pass
        try:
            entries = envoy_rls.unpack_entries(packed)
        except InvalidArgumentError:
            return None
        caller = Caller(entries, self._plans) if set(entries) == set(ENTRIES) else None
        if len(self._callers) >= _MOST:
            del self._callers[next(iter(self._callers))]
        self._callers[packed] = caller
        return caller

    def _counts_of_admit(self, packed: bytes) -> tuple[int, int | None] | None:
        try:
            return self._admit_counts[packed]
        except KeyError:
            pass
        match = _ADMIT_COUNTS.fullmatch(packed)
        if match is None:
            return None
        length, max_out = match.groups()
        counts = (0 if length == b"-" else int(length), None if max_out == b"-" else int(max_out))
        if len(self._admit_counts) >= _MOST:
            del self._admit_counts[next(iter(self._admit_counts))]
        self._admit_counts[packed] = counts
        return counts

    def _read_every_entry(self, payload: bytes) -> Admit | Settle | bytes:
        request = envoy_rls.unpack(payload)
        if request.domain != DOMAIN:
            return envoy_rls.pack_ok(descriptors=len(request.descriptors))
        entries: Mapping[str, str] = envoy_rls.only_descriptor(request)
        kind = entries["kind"]
        if kind == "admit":
            return read_admit(entries, Caller(entries, self._plans))
        if kind == "settle":
            return read_settle(entries, Caller(entries, self._plans))
        raise InvalidArgumentError(f'descriptor entry "kind" is "{kind[:64]}"; want admit or settle')
