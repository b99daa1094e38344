"""Who may call what."""

from __future__ import annotations

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest
from maas.registry.v1 import catalog_pb2, models_pb2, tiers_pb2
from maas_common.testing import WORKLOAD

DENIED, UNKNOWN = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED
ADMINISTRATORS = [
    ("tiers", "CreateTier", tiers_pb2.CreateTierRequest()),
    ("tiers", "GetTier", tiers_pb2.GetTierRequest()),
    ("tiers", "ListTiers", tiers_pb2.ListTiersRequest()),
    ("tiers", "UpdateTier", tiers_pb2.UpdateTierRequest()),
    ("tiers", "DeleteTier", tiers_pb2.DeleteTierRequest()),
    ("models", "CreateModel", models_pb2.CreateModelRequest()),
    ("models", "GetModel", models_pb2.GetModelRequest()),
    ("models", "ListModels", models_pb2.ListModelsRequest()),
    ("models", "UpdateModel", models_pb2.UpdateModelRequest()),
    ("models", "DeleteModel", models_pb2.DeleteModelRequest()),
]
EVERYBODY = [
    ("tiers", "LookupTier", tiers_pb2.LookupTierRequest(groups=["system:authenticated"])),
    ("available", "ListAvailableModels", models_pb2.ListAvailableModelsRequest()),
]
PROGRAMS = [
    ("catalog", "WatchCatalog", catalog_pb2.WatchCatalogRequest(start={"watcher": "w"})),
    ("ads", "DeltaAggregatedResources", DeltaDiscoveryRequest(node={"id": "gw"}, type_url="type.googleapis.com/other")),
]


@pytest.mark.parametrize(
    ("service", "method", "request_message"), ADMINISTRATORS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_administrators_do_is_closed_to_users_and_programs(in_world, refused, service, method, request_message):
    async def scenario(world):
        call = getattr(getattr(world, service), method)
        assert (await refused(call(request_message, metadata=world.people.bearer("alice")))).code is DENIED
        for metadata in (None, WORKLOAD):
            assert (await refused(call(request_message, metadata=metadata))).code is UNKNOWN

    in_world(scenario)


def test_signed_in_users_and_envoy_may_look_up_tiers_and_list_models(in_world, refused):
    async def scenario(world):
        await world.add_tier("free", 0, groups=["system:authenticated"])
        for service, method, request in EVERYBODY:
            call = getattr(getattr(world, service), method)
            for metadata in (world.people.bearer("alice"), world.admin, WORKLOAD):
                assert await call(request, metadata=metadata)
            for metadata in (None, (("x-maas-workload", "wrong"),)):
                assert (await refused(call(request, metadata=metadata))).code is UNKNOWN

    in_world(scenario)


def test_watches_and_clusters_are_for_the_suites_own_programs(in_world, refused):
    async def scenario(world):
        for service, method, request in PROGRAMS:
            for metadata in (None, world.admin, (("x-maas-workload", "wrong"),)):
                # Nothing is sent: grpc's client has its own word for a message that comes after the refusal.
                call = getattr(getattr(world, service), method)(metadata=metadata)
                assert (await refused(call.read())).code is UNKNOWN
            call = getattr(getattr(world, service), method)(metadata=WORKLOAD)
            await call.write(request)
            assert await call.read() is not grpc.aio.EOF
            call.cancel()

    in_world(scenario)


def test_the_state_of_the_world_variant_of_ads_is_closed(in_world, refused):
    async def scenario(world):
        call = world.ads.StreamAggregatedResources(metadata=WORKLOAD)
        assert (await refused(call.read())).code is DENIED

    in_world(scenario)
