"""Following the store when it is not there, and what Envoys see meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from maas_common.errors import UnavailableError
from maas_common.readiness import Readiness
from maas_common.watch import WatchHub
from maas_registry.adapters.envoy_cluster import TYPE_URL, ClusterOptions, cluster_resource
from maas_registry.adapters.envoy_fleet import AdsFleet
from maas_registry.adapters.rollout import READINESS, CatalogueRollout
from maas_registry.core.catalogue import Catalogue
from maas_registry.core.model import Audience, Model
from maas_registry.core.route import State
from maas_registry.ports import Request

MODEL = Model("m", "M", "", "http://m.example/v1", "m", "maas", Audience.ALL, (), created=1, updated=1, revision=5)
CATALOGUE = Catalogue(5, {"m": MODEL}, {}, (), 5)


class Store:
    """A CatalogueStore that can be away."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.is_away = False

    async def read(self) -> Catalogue:
        if self.is_away:
            raise UnavailableError("away")
        return self.catalogue

    async def revision(self) -> int:
        return (await self.read()).revision


class Parts:
    def __init__(self, *, wait_s=60.0) -> None:
        self.store = Store(CATALOGUE)
        self.fleet = AdsFleet(partial(cluster_resource, options=ClusterOptions(1.0, "/ca")))
        self.readiness = Readiness(READINESS)
        self.rollout = CatalogueRollout(self.store, self.fleet, self.readiness, WatchHub(), wait_s=wait_s, poll_s=0.001)


def with_parts(scenario, **settings):
    async def main():
        parts = Parts(**settings)
        running = asyncio.create_task(parts.rollout.run())
        try:
            await scenario(parts)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


async def readiness_is(parts, met):
    """Until readiness is so."""
    changed = asyncio.Event()
    parts.readiness.listen(lambda ready: changed.set() if ready == met else None)
    await changed.wait()


def test_a_store_that_is_away_makes_the_service_unready_until_it_is_back():
    async def scenario(parts):
        await parts.readiness.wait()
        parts.store.is_away = True
        await readiness_is(parts, met=False)
        assert parts.rollout.told == CATALOGUE
        parts.store.catalogue = replace(CATALOGUE, revision=6)
        parts.store.is_away = False
        await readiness_is(parts, met=True)
        assert parts.rollout.told.revision == 6

    with_parts(scenario)


def test_before_the_catalogue_was_read_nobody_is_told_that_it_is_empty():
    async def scenario(parts):
        parts.store.is_away = True
        with parts.fleet.connect("gw") as envoy:
            envoy.hear(Request(TYPE_URL, have={"asset.m": "1", "asset.gone": "1"}))
            await envoy.changed()
            assert envoy.next() is None
            with pytest.raises(UnavailableError, match="the catalogue is not read yet"):
                assert parts.rollout.told
            assert parts.fleet.state(MODEL).state is State.PENDING
            parts.store.is_away = False
            await envoy.changed()
            answer = envoy.next()
            assert ([resource.name for resource in answer.resources], answer.removed) == (["asset.m"], ("asset.gone",))

    with_parts(scenario)


def test_a_change_that_could_not_be_given_out_in_time_names_the_registry():
    async def scenario(parts):
        await parts.readiness.wait()
        parts.store.is_away = True
        enforced = await parts.rollout.enforced(6)
        assert (enforced.enforced, enforced.lagging) == (False, ("registry",))

    with_parts(scenario, wait_s=0.01)


def test_a_model_that_no_cluster_can_be_made_of_is_rejected_alone():
    async def scenario(parts):
        odd = replace(MODEL, id="odd", url="gopher://odd.example")
        parts.store.catalogue = replace(CATALOGUE, models={"m": MODEL, "odd": odd})
        with parts.fleet.connect("gw") as envoy:
            envoy.hear(Request(TYPE_URL))
            await parts.readiness.wait()
            answer = envoy.next()
            assert [resource.name for resource in answer.resources] == ["asset.m"]
            envoy.hear(Request(TYPE_URL, nonce=answer.nonce))
            assert parts.fleet.state(MODEL).state is State.READY
            assert parts.fleet.state(odd).state is State.REJECTED
            assert 'scheme is "gopher"' in parts.fleet.state(odd).reason

    with_parts(scenario, wait_s=0.01)


def test_a_change_that_was_not_offered_yet_is_pending():
    async def scenario(parts):
        with parts.fleet.connect("gw") as envoy:
            envoy.hear(Request(TYPE_URL))
            await parts.readiness.wait()
            envoy.hear(Request(TYPE_URL, nonce=envoy.next().nonce))
            assert parts.fleet.state(MODEL).state is State.READY
            assert parts.fleet.state(replace(MODEL, url="http://moved.example/v1")).state is State.PENDING
            assert parts.fleet.state(replace(MODEL, id="new")).state is State.PENDING

    with_parts(scenario, wait_s=0.01)


def test_an_envoy_that_did_not_ask_for_a_cluster_has_no_say_in_it():
    async def scenario(parts):
        with parts.fleet.connect("other") as other, parts.fleet.connect("gw") as envoy:
            other.hear(Request(TYPE_URL, subscribe=("asset.other",)))
            envoy.hear(Request(TYPE_URL))
            await parts.readiness.wait()
            assert parts.fleet.state(MODEL).state is State.PENDING
            envoy.hear(Request(TYPE_URL, nonce=envoy.next().nonce))
            assert parts.fleet.state(MODEL).state is State.READY

    with_parts(scenario, wait_s=0.01)
