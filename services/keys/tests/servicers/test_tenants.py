"""Tenants, through the running service."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest
from maas.keys.v1.tenants_pb2 import (
    CreateTenantRequest,
    DeleteTenantRequest,
    GetTenantRequest,
    ListTenantsRequest,
    UpdateTenantRequest,
)
from maas.keys.v1.users_pb2 import GetMeRequest
from maas_common.testing import WORKLOAD

REQUESTS = {"metric": "requests", "amount": 10, "window": "1m"}


def test_a_tenant_is_made_read_changed_and_deleted(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            call = world.tenants.CreateTenant(
                CreateTenantRequest(display_name="Acme Inc.", description="d", default_limits=[REQUESTS], admin_groups=["g"]),
                metadata=world.admin,
            )
            made = await call
            assert ("x-http-code", "201") in list(await call.initial_metadata())
            assert (made.name, made.display_name, made.description, list(made.admin_groups)) == ("acme-inc", "Acme Inc.", "d", ["g"])
            assert [(limit.id, limit.per) for limit in made.default_limits] == [("requests-1m", "user")]
            assert made.enforcement.enforced
            assert made.created_at.seconds == int(world.clock.now())

            read = await world.tenants.GetTenant(GetTenantRequest(name="acme-inc"), metadata=world.admin)
            assert not read.HasField("enforcement")
            assert (read.etag, read.display_name) == (made.etag, "Acme Inc.")

            world.clock.advance(5)
            patch = UpdateTenantRequest(name="acme-inc", display_name="Acme", update_mask={"paths": ["default_limits"]}, etag=made.etag)
            changed = await world.tenants.UpdateTenant(patch, metadata=world.admin)
            assert (changed.display_name, changed.description, list(changed.default_limits)) == ("Acme", "d", [])
            assert changed.updated_at.seconds == made.created_at.seconds + 5
            assert changed.etag != made.etag
            assert (await refused(world.tenants.UpdateTenant(patch, metadata=world.admin))).code() is grpc.StatusCode.ABORTED

            delete = DeleteTenantRequest(name="acme-inc", etag=made.etag)
            assert (await refused(world.tenants.DeleteTenant(delete, metadata=world.admin))).code() is grpc.StatusCode.ABORTED
            await world.tenants.DeleteTenant(DeleteTenantRequest(name="acme-inc", etag=changed.etag), metadata=world.admin)
            error = await refused(world.tenants.GetTenant(GetTenantRequest(name="acme-inc"), metadata=world.admin))
            assert error.code() is grpc.StatusCode.NOT_FOUND

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        ({}, ["name"]),
        ({"name": "No Spaces"}, ["name"]),
        ({"name": "a", "display_name": "d" * 129}, ["display_name"]),
        ({"name": "a", "description": "\x00"}, ["description"]),
        ({"name": "a", "admin_users": ["ann"]}, ["admin_users[0]"]),
        ({"name": "a", "admin_groups": [""]}, ["admin_groups[0]"]),
        ({"name": "a", "default_limits": [{"metric": "requests", "amount": 1, "window": "x"}]}, ["default_limits[0].window"]),
    ],
)
def test_a_wrong_tenant_is_refused_by_field(keys_service, refused, fields_of, request_, fields):
    async def scenario():
        async with keys_service() as world:
            error = await refused(world.tenants.CreateTenant(CreateTenantRequest(**request_), metadata=world.admin))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, fields)

    asyncio.run(scenario())


def test_the_default_tenant_is_there_from_the_start_and_stays(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            listed = await world.tenants.ListTenants(ListTenantsRequest(), metadata=world.admin)
            assert [tenant.name for tenant in listed.tenants] == ["default"]
            error = await refused(world.tenants.CreateTenant(CreateTenantRequest(name="default"), metadata=world.admin))
            assert error.code() is grpc.StatusCode.ALREADY_EXISTS
            error = await refused(world.tenants.DeleteTenant(DeleteTenantRequest(name="default"), metadata=world.admin))
            assert error.code() is grpc.StatusCode.FAILED_PRECONDITION

    asyncio.run(scenario())


def test_tenants_are_listed_by_pages(keys_service):
    async def scenario():
        async with keys_service() as world:
            for name in ("zeta", "acme"):
                await world.tenants.CreateTenant(CreateTenantRequest(name=name), metadata=world.admin)
            first = await world.tenants.ListTenants(ListTenantsRequest(page_size=2), metadata=world.admin)
            rest = await world.tenants.ListTenants(ListTenantsRequest(page_size=2, page_token=first.next_page_token), metadata=world.admin)
            assert [[tenant.name for tenant in page.tenants] for page in (first, rest)] == [["acme", "default"], ["zeta"]]
            assert not rest.next_page_token

    asyncio.run(scenario())


def test_a_tenant_with_people_stays(two_tenants, refused):
    async def scenario():
        async with two_tenants() as (world, acme):
            for person in (acme.alice, acme.admin):
                await world.users.GetMe(GetMeRequest(), metadata=person)
            error = await refused(world.tenants.DeleteTenant(DeleteTenantRequest(name="acme"), metadata=world.admin))
            assert error.code() is grpc.StatusCode.FAILED_PRECONDITION

    asyncio.run(scenario())


def test_administrators_of_another_tenant_have_that_one_alone(two_tenants, refused):
    async def scenario():
        async with two_tenants() as (world, acme):
            tenants = world.tenants
            assert (await tenants.GetTenant(GetTenantRequest(name="acme"), metadata=acme.admin)).name == "acme"
            changed = await tenants.UpdateTenant(UpdateTenantRequest(name="acme", description="ours"), metadata=acme.admin)
            assert changed.description == "ours"
            listed = await tenants.ListTenants(ListTenantsRequest(), metadata=acme.admin)
            assert ([tenant.name for tenant in listed.tenants], listed.next_page_token) == (["acme"], "")
            listed = await tenants.ListTenants(ListTenantsRequest(page_size=1), metadata=world.admin)
            rest = await tenants.ListTenants(ListTenantsRequest(page_token=listed.next_page_token), metadata=acme.admin)
            assert list(rest.tenants) == []
            for call, code in (
                (tenants.GetTenant(GetTenantRequest(name="default"), metadata=acme.admin), grpc.StatusCode.NOT_FOUND),
                (tenants.UpdateTenant(UpdateTenantRequest(name="default"), metadata=acme.admin), grpc.StatusCode.NOT_FOUND),
                (tenants.DeleteTenant(DeleteTenantRequest(name="default"), metadata=acme.admin), grpc.StatusCode.NOT_FOUND),
                (tenants.DeleteTenant(DeleteTenantRequest(name="acme"), metadata=acme.admin), grpc.StatusCode.PERMISSION_DENIED),
                (tenants.CreateTenant(CreateTenantRequest(name="more"), metadata=acme.admin), grpc.StatusCode.PERMISSION_DENIED),
                (tenants.GetTenant(GetTenantRequest(name="acme"), metadata=acme.alice), grpc.StatusCode.PERMISSION_DENIED),
            ):
                assert (await refused(call)).code() is code

    asyncio.run(scenario())


def test_default_limits_reach_the_keys_of_the_tenant(two_tenants):
    async def scenario():
        async with two_tenants() as (world, acme):
            theirs = await world.keys.CreateApiKey(CreateApiKeyRequest(name="k"), metadata=acme.alice)
            ours = await world.keys.CreateApiKey(CreateApiKeyRequest(name="k"), metadata=world.alice)
            watch = await world.drained()
            await world.tenants.UpdateTenant(UpdateTenantRequest(name="acme", default_limits=[REQUESTS]), metadata=acme.admin)
            assert list((await watch.next()).changed.tenants) == ["acme"]
            limits = {}
            for key in (theirs, ours):
                record = (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=key.id), metadata=WORKLOAD)).record
                limits[record.tenant] = [limit.id for limit in record.limits]
            assert limits == {"acme": ["tenant/requests-1m"], "default": []}

    asyncio.run(scenario())


def test_administrators_are_named_by_group_or_identity(two_tenants):
    async def scenario():
        async with two_tenants() as (world, acme):
            assert "admin" in (await world.users.GetMe(GetMeRequest(), metadata=acme.admin)).roles
            assert "admin" not in (await world.users.GetMe(GetMeRequest(), metadata=acme.alice)).roles
            request = UpdateTenantRequest(name="acme", admin_groups=["others"], admin_users=[f"{acme.people.url}|alice"])
            await world.tenants.UpdateTenant(request, metadata=world.admin)
            world.clock.advance(2)
            assert "admin" not in (await world.users.GetMe(GetMeRequest(), metadata=acme.admin)).roles
            assert "admin" in (await world.users.GetMe(GetMeRequest(), metadata=acme.alice)).roles

    asyncio.run(scenario())
