"""No method of a KeyStore sees or changes what belongs to another tenant."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import replace

import pytest
from maas_common.errors import ConflictError
from maas_keys.core.api_key import KeyKind
from maas_keys.core.search import KeyFilter, KeyQuery, SortBy, Visible
from maas_keys.ports import KeyStore

ALICE = "https://idp|sub-alice"
FILTERS = [
    KeyFilter("other"),
    KeyFilter("other", user=ALICE),
    KeyFilter("other", username="alice"),
    KeyFilter("other", team="red"),
    KeyFilter("other", visible=Visible(ALICE, ("red",))),
    KeyFilter("other", labels={"env": "prod"}),
    KeyFilter("other", name_contains="key"),
]


async def through_filters(keys, _read):
    for which in FILTERS:
        assert await keys.count(which) == 0
        assert (await keys.revoke_all(which, at=5))[0] == 0
        for sort in SortBy:
            assert await keys.page(KeyQuery(which, 10, sort)) == []


async def a_new_one(keys, read):
    """What is in place in one tenant is not in the way in another."""
    assert (await keys.add(replace(read, id="key000000002", tenant="other"))).id == "key000000002"


async def a_known_one(keys, read):
    """Ids are one tenant's alone: a key whose hash another tenant imported stays theirs."""
    assert await keys.add_foreign([replace(read, tenant="other")]) == (0, 1)
    assert await keys.get("other", read.id) is None


async def by_id(keys, read):
    assert await keys.get("other", read.id) is None
    assert (await keys.lookup(read.id, "other"))[0] is None


async def by_kind(keys, read):
    assert await keys.of_kind("other", ALICE, read.kind) is None


async def changed(keys, read):
    for change in (keys.put(replace(read, tenant="other", name="mine")), keys.delete(replace(read, tenant="other"))):
        with pytest.raises(ConflictError):
            await change


TRIED = {
    "add": a_new_one,
    "add_foreign": a_known_one,
    "get": by_id,
    "of_kind": by_kind,
    "put": changed,
    "delete": changed,
    "page": through_filters,
    "count": through_filters,
    "revoke_all": through_filters,
    "lookup": by_id,
}
BY_NO_TENANT = {"record_used", "delete_ephemeral"}
"""Called by the suite's own services, for all tenants."""


def test_every_method_is_tried():
    methods = {name for name, _ in inspect.getmembers(KeyStore, inspect.isfunction) if not name.startswith("_")}
    assert TRIED.keys() | BY_NO_TENANT == methods


@pytest.mark.parametrize("tried", dict.fromkeys(TRIED.values()))
def test_another_tenants_key_is_neither_seen_nor_changed(keys, a_key, tried):
    async def scenario():
        read = await keys.add(a_key(1, kind=KeyKind.PERSONAL, request_id="r-1", team="red", labels={"env": "prod"}))
        await tried(keys, read)
        assert await keys.get("default", read.id) == read

    asyncio.run(scenario())
