"""Operations as the script reads them, and what it answers: a flat MessagePack array there, 64-bit integers back. See lua/count."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from maas_common.errors import InvalidArgumentError

from maas_ratelimit.core.counting import Account, Admission, Claim, CounterState, Operation, Outcome, Settled, Settlement
from maas_ratelimit.core.plans import Plan, PlannedLimit

_KINDS = {"bucket": 0, "sliding": 2, "log": 3, "gcra": 4, "held": 5}
_CALENDAR = 1
_CLAIM, _SETTLE, _LOOK = b"\x00", b"\x01", b"\x02"
_ADMITTED, _REFUSED, _REPEATED = 0, 1, 2
_REFUSING, _THROTTLED, _EXCEEDED = 1, 2, 3
_SETTLED = (Settled.REPLACED, Settled.LATE, Settled.REPEATED, Settled.UNKNOWN)
_SMALL_INT, _SMALL_TEXT, _BYTE, _SHORT = 0x80, 0x20, 0x100, 0x10000
_MOST_PLANS = 8192
_FIELDS = 4
"""Numbers for each limit in an answer."""
_NO_PLAN = b"\x00"


def pack_int(number: int) -> bytes:
    """A whole number from 0 on."""
    return number.to_bytes() if number < _SMALL_INT else struct.pack(">BQ", 0xCF, number)


def pack_text(text: str) -> bytes:
    """A string."""
    return _blob(text.encode())


def _blob(data: bytes) -> bytes:
    length = len(data)
    if length < _SMALL_TEXT:
        return b"%c%b" % (0xA0 | length, data)
    if length < _BYTE:
        return b"\xd9%c%b" % (length, data)
    return (struct.pack(">BH", 0xDA, length) if length < _SHORT else struct.pack(">BI", 0xDB, length)) + data


_int = lru_cache(maxsize=65536)(pack_int)
_text = lru_cache(maxsize=65536)(pack_text)


@lru_cache(maxsize=65536)
def _field(counter: str, subject: str) -> bytes:
    return pack_text(f"{counter}:{subject}")


class Look(NamedTuple):
    """Ask how an account's limits stand."""

    account: Account


_Kept: TypeAlias = tuple[tuple[str, bytes, bytes], ...]
"""Of each limit its counter, and what a reservation keeps of it: before how much was taken, and after."""


class _PackedPlan(NamedTuple):
    limits: _Kept
    data: bytes
    fields: int
    since: float
    until: float
    """Calendar bounds are right from then, till then."""


class Codec:
    """Packs plans once for as long as their calendar windows last."""

    def __init__(self) -> None:
        self._plans: dict[Plan, _PackedPlan] = {}

    def pack(self, operations: Sequence[Operation | Look], now: float) -> bytes:
        """The script's blob; calendar windows are those of `now`."""
        used: dict[Plan, tuple[bytes, _PackedPlan]] = {}
        plans: list[bytes] = []
        parts: list[bytes] = []
        count = 2
        for operation in operations:
            account = operation.account
            if account is None:
                count += _pack_settlement(parts, operation, _NO_PLAN, ())  # type: ignore[arg-type] # others have one
                continue
            plan, _, subjects = account
            known = used.get(plan)
            if known is None:
                packed = self._plan(plan, now)
                plans.append(packed.data)
                count += packed.fields
                known = used[plan] = (_int(len(plans)), packed)
            number, packed = known
            limits = packed.limits
            if type(operation) is Claim:
                count += _pack_claim(parts, operation, number, limits)
            elif type(operation) is Settlement:
                count += _pack_settlement(parts, operation, number, limits)
            else:
                parts += (_LOOK, b"\xa0", number)
                parts += [_field(limit[0], subject) for limit, subject in zip(limits, subjects, strict=True)]
                count += 3 + len(subjects)
        return b"\xdd%b%b%b%b%b" % (count.to_bytes(4), _int(len(plans)), b"".join(plans), _int(len(operations)), b"".join(parts))

    def _plan(self, plan: Plan, now: float) -> _PackedPlan:
        packed = self._plans.get(plan)
        if packed is None or not packed.since <= now < packed.until:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            packed = self._plans[plan] = _pack_plan(plan, now)
        return packed


def _pack_claim(parts: list[bytes], claim: Claim, number: bytes, limits: _Kept) -> int:
    """How many fields it has. The reservation is packed here, as it will be kept if all is granted."""
    fields = [_field(limit[0], subject) for limit, subject in zip(limits, claim.account.subjects, strict=True)]
    takes = [_int(take) for take in claim.takes]
    held = [b"%b%b%b%b" % (field, limit[1], take, limit[2]) for field, limit, take in zip(fields, limits, takes, strict=True)]
    length = (2 + 8 * len(held)).to_bytes(4)
    reservation = b"\xdd%b%b%b%b" % (length, pack_text(claim.record), _int(len(held)), b"".join(held))
    parts += (_CLAIM, pack_text(claim.rid), number, _blob(reservation))
    for field, take, least in zip(fields, takes, claim.leasts, strict=True):
        parts += (field, take, _int(least))
    return 4 + 3 * len(fields)


def _pack_settlement(parts: list[bytes], settlement: Settlement, number: bytes, limits: _Kept) -> int:
    """As above. Without an amount for each limit it says so."""
    account, used = settlement.account, settlement.used
    subjects = account.subjects if account is not None else ()
    is_given = account is not None and len(used) == len(subjects)
    flags = [b"\x01" if flag else b"\x00" for flag in (settlement.is_undone, settlement.may_charge, is_given)]
    parts += (_SETTLE, pack_text(settlement.rid), number, flags[0], flags[1])
    parts += (_text(settlement.outcome), pack_text(settlement.record), flags[2])
    for limit, subject, amount in zip(limits, subjects, used if is_given else (0,) * len(subjects), strict=True):
        parts += (_field(limit[0], subject), _int(amount))
    return 8 + 2 * len(subjects)


def _pack_plan(plan: Plan, now: float) -> _PackedPlan:
    parts, fields = [pack_int(len(plan.limits))], 1
    limits: list[tuple[str, bytes, bytes]] = []
    since, until = float("-inf"), float("inf")
    for limit in plan.limits:
        kind, start, end = _KINDS[limit.kind], 0, 0
        if limit.kind == "bucket" and not hasattr(limit.window, "seconds"):
            kind = _CALENDAR
            start, end = limit.window.bounds(now)
            since, until = max(since, start), min(until, end)
        flags = (limit.is_firm, limit.is_shadow, limit.second is not None)
        numbers = (kind, limit.window_s * 1000, *map(int, flags), start, end, len(limit.thresholds), *sum(limit.thresholds, ()))
        counters = [limit] if limit.second is None else [limit, limit.second]
        parts += map(pack_int, numbers)
        parts += map(_pack_counter, counters)
        how = {"gcra": 4, "log": 2}.get(limit.kind, 0) + limit.is_firm
        kept = b"".join(map(pack_int, (how, limit.window_s * 1000, limit.amount, kind, end)))
        limits.append((limit.counter, kept, _pack_thresholds(limit)))
        fields += len(numbers) + 3 * len(counters)
    return _PackedPlan(tuple(limits), b"".join(parts), fields, since, until)


def _pack_thresholds(limit: PlannedLimit) -> bytes:
    if not limit.thresholds:
        return b"\x00"
    numbers = [number for threshold in limit.thresholds for number in threshold]
    return b"\xdd%b%b" % (len(numbers).to_bytes(4), b"".join(map(pack_int, numbers)))


def _pack_counter(limit: PlannedLimit) -> bytes:
    return pack_text(limit.counter) + pack_int(limit.amount) + pack_int(limit.capacity)


class Answer(NamedTuple):
    """What the script said."""

    now: float
    is_counted: bool
    """Else the calendar bounds were not those of the script's time, and nothing was done."""
    expired: int
    """Reservations released on the way."""
    has_more: bool
    """Whether there are more to be released."""
    outcomes: list[Outcome]


def unpack(data: bytes, operations: Sequence[Operation | Look]) -> Answer:
    """The answer to a blob of these operations; those of Look are in `unpack_look`."""
    numbers = struct.unpack(f"<{len(data) // 8}q", data)
    now = numbers[0] / 1000
    if not numbers[1]:
        return Answer(now, False, 0, False, [])  # noqa: FBT003 - named just above
    at = 4
    outcomes: list[Outcome] = []
    for operation in operations:
        code = numbers[at]
        if type(operation) is Claim:
            if code > _REPEATED:
                at += 1
                outcomes.append(InvalidArgumentError(f"request {operation.rid} has ended; an id admits once", reason="REQUEST_ENDED"))
                continue
            end = at + 2 + _FIELDS * len(operation.takes)
            left, resets = numbers[at + 2 : end : _FIELDS], numbers[at + 3 : end : _FIELDS]
            granted, marks = numbers[at + 4 : end : _FIELDS], numbers[at + 5 : end : _FIELDS]
            if code == _REFUSED:
                outcomes.append(
                    Admission(_places(marks, _REFUSING), left, resets, (), now, numbers[at + 1] / 1000, (), _places(marks, _EXCEEDED))
                )
            elif any(marks):
                marked = _places(marks, _THROTTLED), _places(marks, _EXCEEDED)
                outcomes.append(Admission((), left, resets, granted, now, 0.0, *marked))
            else:
                outcomes.append(Admission((), left, resets, granted, now, is_repeat=code == _REPEATED))
            at = end
        else:
            outcomes.append(_SETTLED[code])
            at += 1
    return Answer(now, True, numbers[2], bool(numbers[3]), outcomes)  # noqa: FBT003 - as above


def unpack_look(data: bytes) -> tuple[float, tuple[CounterState, ...] | None]:
    """The time, and the states of one account's limits; None: the calendar bounds were not those of that time."""
    now, is_counted, *numbers = struct.unpack(f"<{len(data) // 8}q", data)
    if not is_counted:
        return now / 1000, None
    return now / 1000, tuple(CounterState(*numbers[at : at + _FIELDS]) for at in range(2, len(numbers), _FIELDS))


def _places(marks: Sequence[int], mark: int) -> tuple[int, ...]:
    return tuple([place for place, each in enumerate(marks) if each == mark])
