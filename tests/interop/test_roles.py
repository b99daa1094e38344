"""The table of roles over all services, and roles given in keys as the other services' gates know them."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import grpc
import maas_authz.app
import maas_keys.app
import maas_ratelimit.app
import maas_registry.app
import pytest
from maas.keys.v1 import roles_pb2, roles_pb2_grpc
from maas.ratelimit.v1 import limits_pb2, limits_pb2_grpc
from maas.registry.v1 import models_pb2, models_pb2_grpc
from maas_common.auth.role_source import REMEMBERED_S
from maas_common.auth.roles import TABLE
from maas_common.channels import connect
from maas_common.server import serve
from maas_common.testing import WORKLOAD_SECRET, FakeClock, issuer
from maas_common.testing.role_matrix import methods_of_people
from maas_keys.settings import KeysSettings
from maas_ratelimit.settings import RatelimitSettings
from maas_registry.settings import RegistrySettings
from prometheus_client import CollectorRegistry


@pytest.fixture(scope="module")
def people():
    with issuer() as running:
        yield running


class Suite:
    def __init__(self, people, keys, registry, ratelimit, clock):
        self.people = people
        self.roles = roles_pb2_grpc.RolesServiceStub(keys)
        self.models = models_pb2_grpc.ModelsServiceStub(registry)
        self.limits = limits_pb2_grpc.LimitsServiceStub(ratelimit)
        self.clock = clock

    async def give(self, role, kind, member):
        """Give a role, and wait until what was remembered before is forgotten."""
        request = roles_pb2.AssignRoleRequest(role=role, member_kind=kind, member=member)
        given = await self.roles.AssignRole(request, metadata=self.people.admin())
        self.clock.advance(REMEMBERED_S)
        return given

    async def take(self, assignment):
        await self.roles.UnassignRole(roles_pb2.UnassignRoleRequest(id=assignment.id), metadata=self.people.admin())
        self.clock.advance(REMEMBERED_S)


@pytest.fixture
def run(people, tmp_path):
    (tmp_path / "workload").write_text(WORKLOAD_SECRET)
    (tmp_path / "pepper").write_text("1:" + "5e" * 32)
    usual = {"port": 0, "metrics_port": 0, "workload_secret_file": tmp_path / "workload", "oidc_issuer": people.url}

    async def main(scenario):
        clock = FakeClock(time.time())
        async with AsyncExitStack() as stack:
            keys = maas_keys.app.build(
                KeysSettings(**usual, settle_s=0, database_url=f"sqlite:///{tmp_path}/keys.db", pepper_file=tmp_path / "pepper"), clock
            )
            address = f"127.0.0.1:{(await stack.enter_async_context(serve(keys))).port}"
            channel = await stack.enter_async_context(connect(address))
            registry = maas_registry.app.build(
                RegistrySettings(**usual, settle_s=0, database_url=f"sqlite:///{tmp_path}/registry.db", keys_address=address), clock=clock
            )
            ratelimit = maas_ratelimit.app.build(
                RatelimitSettings(**usual, state_dir=tmp_path / "ratelimit"), clock, CollectorRegistry(), keys=channel
            )
            addresses = [f"127.0.0.1:{(await stack.enter_async_context(serve(service))).port}" for service in (registry, ratelimit)]
            channels = [channel, *[await stack.enter_async_context(connect(address)) for address in addresses]]
            work = [asyncio.ensure_future(task()) for task in (*keys.background, *registry.background)]
            try:
                await keys.readiness.wait()
                await registry.readiness.wait()
                await scenario(Suite(people, *channels, clock))
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)

    return lambda scenario: asyncio.run(main(scenario))


async def denied(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_person_who_is_made_a_model_owner_in_keys_registers_models_of_their_own(run):
    async def scenario(suite):
        dana, request = suite.people.bearer("dana"), models_pb2.CreateModelRequest(id="m", url="http://203.0.113.7/v1")
        await denied(suite.models.CreateModel(request, metadata=dana))
        given = await suite.give("model-owner", "user", f"{suite.people.url}|dana")
        assert (await suite.models.CreateModel(request, metadata=dana)).owner == f"{suite.people.url}|dana"
        await suite.take(given)
        await denied(suite.models.DeleteModel(models_pb2.DeleteModelRequest(id="m"), metadata=dana))

    run(scenario)


def test_a_group_that_is_given_a_role_in_keys_has_it_elsewhere(run):
    async def scenario(suite):
        eve, request = suite.people.bearer("eve", groups=("operators",)), limits_pb2.ListCountersRequest()
        await denied(suite.limits.ListCounters(request, metadata=eve))
        await suite.give("admin", "group", "operators")
        await suite.limits.ListCounters(request, metadata=eve)
        await denied(suite.limits.ListCounters(request, metadata=suite.people.bearer("eve")))

    run(scenario)


def test_people_may_call_what_the_table_has_and_nothing_else():
    opened = [methods_of_people(app.ACCESS) for app in (maas_authz.app, maas_keys.app, maas_ratelimit.app, maas_registry.app)]
    assert set().union(*opened) == TABLE.keys()
