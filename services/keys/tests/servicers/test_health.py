"""Whether the management API can be used."""

from __future__ import annotations

import asyncio
import sqlite3

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from maas.keys.v1.health_pb2 import GetHealthRequest
from maas_common.errors import UnavailableError
from maas_common.readiness import Readiness
from maas_keys.servicers.health import HealthServicer


def test_anybody_hears_that_it_is_healthy(keys_service):
    async def scenario():
        async with keys_service() as world:
            assert (await world.health.GetHealth(GetHealthRequest())).status == "healthy"

    asyncio.run(scenario())


def test_without_its_database_it_is_unavailable():
    async def scenario():
        readiness = Readiness("database")
        servicer = HealthServicer(readiness)
        with pytest.raises(UnavailableError, match="database"):
            await servicer.GetHealth(GetHealthRequest(), None)
        readiness.set("database", met=True)
        assert (await servicer.GetHealth(GetHealthRequest(), None)).status == "healthy"

    asyncio.run(scenario())


def test_a_database_that_stops_answering_is_told(keys_service, refused, files):
    async def scenario():
        async with keys_service(poll_s=0.01) as world:
            ready = health_pb2_grpc.HealthStub(world.channel).Watch(health_pb2.HealthCheckRequest())
            assert (await ready.read()).status == health_pb2.HealthCheckResponse.SERVING
            with sqlite3.connect(files["database_url"].removeprefix("sqlite:///")) as database:
                database.execute("ALTER TABLE revisions RENAME TO gone")
            assert (await ready.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            error = await refused(world.health.GetHealth(GetHealthRequest()))
            assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "waiting for: database")

    asyncio.run(scenario())
