"""The directory by itself, with a look-up that the test answers."""

from __future__ import annotations

import asyncio

import pytest
from maas_authz.adapters.key_cache import KeyCache
from maas_authz.adapters.key_directory import KeyDirectory
from maas_authz.core.budget import TokenBucket
from maas_authz.core.confirmation import Confirmation
from maas_authz.core.keys import FOREVER, Caller, KeyRecord
from maas_authz.core.refusals import INVALID_KEY, KEY_NOT_READ
from maas_authz.ports import LookedUp
from maas_common.apikey import DEFAULT_PREFIX, Minted, Peppers, mint
from maas_common.testing import FakeClock

PEPPERS = Peppers({"new": b"n" * 32, "old": b"o" * 32})


class Asked:
    """Holds every question until it is answered."""

    def __init__(self) -> None:
        self.count = 0
        self._questions: asyncio.Queue[asyncio.Future[LookedUp]] = asyncio.Queue()

    async def look_up(self, key_id: str) -> LookedUp:
        self.count += 1
        answer: asyncio.Future[LookedUp] = asyncio.get_running_loop().create_future()
        self._questions.put_nowait(answer)
        return await answer

    async def answer(self, record: KeyRecord | None) -> None:
        """Answer the next question, as soon as it is asked."""
        (await self._questions.get()).set_result(LookedUp(record, 1))

    async def fail(self, error: Exception) -> None:
        (await self._questions.get()).set_exception(error)


def record_of(key: Minted, *hashed_as: tuple[str, str]) -> KeyRecord:
    hashes = tuple((pepper_id, Peppers({pepper_id: pepper_id[:1].encode() * 32}).hash(text)[1], FOREVER) for pepper_id, text in hashed_as)
    return KeyRecord(Caller("default", "i|s", (), key.id), "s", "n", "active", expires_at=2**40, hashes=hashes)


def with_another_secret(key: Minted) -> str:
    """Another well-formed key of the same id."""
    numbers = iter((_number(key.id).to_bytes(16), b"another" * 4 + b"one!"))
    return mint(random_bytes=lambda _size: next(numbers)).text


def _number(text: str) -> int:
    number = 0
    for character in text:
        number = number * 62 + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".index(character)
    return number


def directory_of(lookup: Asked, *, burst: int = 10, size: int = 10) -> KeyDirectory:
    clock = FakeClock()
    confirmation = Confirmation(300)
    confirmation.confirm(1, clock.now())
    return KeyDirectory(
        lookup=lookup,
        cache=KeyCache(size=size, unknown_size=10, unknown_ttl_s=30, clock=clock),
        confirmation=confirmation,
        peppers=PEPPERS,
        prefix=DEFAULT_PREFIX,
        foreign_prefixes=(),
        budget=TokenBucket(burst=burst, per_s=0.001),
        foreign_budget=TokenBucket(burst=1, per_s=0.001),
        clock=clock,
    )


async def found(directory: KeyDirectory, lookup: Asked, key: Minted) -> KeyRecord:
    """The key's record, looked up."""
    finding = asyncio.ensure_future(directory.find(key.text))
    await lookup.answer(record_of(key, ("new", key.text)))
    record = await finding
    assert isinstance(record, KeyRecord)
    return record


def test_who_asks_after_the_answer_came_costs_no_look_up():
    async def scenario():
        lookup, key = Asked(), mint()
        directory = directory_of(lookup)
        record = await found(directory, lookup, key)
        assert await directory.find(key.text) is record
        assert directory.known(key.text) is record
        assert lookup.count == 1

    asyncio.run(scenario())


def test_good_and_wrong_secrets_share_a_look_up_and_the_budget_comes_back_once():
    async def scenario():
        lookup, key = Asked(), mint()
        directory = directory_of(lookup, burst=1)
        finding = [asyncio.ensure_future(directory.find(text)) for text in (with_another_secret(key), key.text, key.text)]
        await lookup.answer(record_of(key, ("new", key.text)))
        first, second, third = await asyncio.gather(*finding)
        assert first is INVALID_KEY
        assert isinstance(second, KeyRecord)
        assert second is third
        unknown = asyncio.ensure_future(directory.find(mint().text))
        await lookup.answer(None)
        assert await unknown is INVALID_KEY
        assert await directory.find(mint().text) is KEY_NOT_READ

    asyncio.run(scenario())


def test_any_hash_of_a_record_will_do_and_one_of_an_unknown_pepper_never():
    async def scenario():
        lookup, key, other = Asked(), mint(), mint()
        directory = directory_of(lookup)
        finding = asyncio.ensure_future(directory.find(key.text))
        await lookup.answer(record_of(key, ("new", "something else"), ("old", key.text)))
        assert isinstance(await finding, KeyRecord)

        finding = asyncio.ensure_future(directory.find(other.text))
        await lookup.answer(record_of(other, ("gone", other.text)))
        assert await finding is INVALID_KEY

    asyncio.run(scenario())


def test_a_look_up_that_breaks_is_told_and_not_stuck():
    async def scenario():
        lookup, key = Asked(), mint()
        directory = directory_of(lookup)
        finding = asyncio.ensure_future(directory.find(key.text))
        await lookup.fail(RuntimeError("a defect"))
        with pytest.raises(RuntimeError):
            await finding
        assert isinstance(await found(directory, lookup, key), KeyRecord)

    asyncio.run(scenario())


def test_no_more_keys_are_remembered_than_there_is_room_for_and_the_unused_go_first():
    async def scenario():
        lookup, keys = Asked(), [mint() for _ in range(3)]
        directory = directory_of(lookup, size=2)
        for key in keys[:2]:
            await found(directory, lookup, key)
        directory.known(keys[0].text)
        await found(directory, lookup, keys[2])
        assert [directory.known(key.text) is not None for key in keys] == [True, False, True]

    asyncio.run(scenario())


def test_a_record_does_not_show_its_hashes():
    key = mint()
    shown = repr(record_of(key, ("new", key.text)))
    assert "hashes" not in shown
    assert key.id in shown
