"""What the registry promises of Envoy, on the real one."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from maas.registry.v1 import models_pb2

pytestmark = pytest.mark.envoy
LOOPBACK = {"allowed_endpoint_ranges": ["127.0.0.0/8"]}
NO_ROUTE = 503


def test_a_model_is_routable_when_its_registration_returns_and_gone_when_its_removal_returns(in_world, gateway, model_server):
    async def scenario(world):
        async with gateway(world) as envoy:
            with model_server("one") as one, model_server("two") as two:
                for model_id, url in (("by-address.v1", f"http://127.0.0.1:{one}/v1"), ("by-name", f"http://localhost:{two}/v1")):
                    model = await world.add_model(model_id, url=url)
                    assert (model.state, model.enforcement.enforced) == ("ready", True)
                    assert await envoy.ask(model_id) == (200, "one" if model_id == "by-address.v1" else "two")
                await world.delete_model("by-name")
                assert (await envoy.ask("by-name"))[0] == NO_ROUTE
                assert await envoy.ask("by-address.v1") == (200, "one")

    in_world(scenario, **LOOPBACK)


def test_a_changed_url_is_where_the_next_request_goes(in_world, gateway, model_server):
    async def scenario(world):
        async with gateway(world) as envoy:
            with model_server("old") as old, model_server("new") as new:
                await world.add_model("m", url=f"http://127.0.0.1:{old}/v1")
                assert await envoy.ask("m") == (200, "old")
                update = models_pb2.UpdateModelRequest(id="m", url=f"http://127.0.0.1:{new}/v1")
                assert (await world.models.UpdateModel(update, metadata=world.admin)).state == "ready"
                assert await envoy.ask("m") == (200, "new")

    in_world(scenario, **LOOPBACK)


def test_a_bad_cluster_is_rejected_alone_with_envoys_reason(in_world, gateway, model_server, tmp_path):
    async def scenario(world):
        with model_server("good") as port:
            async with gateway(world) as envoy:
                await world.add_model("good", url=f"http://127.0.0.1:{port}/v1")
                for model_id in ("bad", "worse"):
                    model = await world.add_model(model_id, url=f"https://127.0.0.1:{port}/v1")
                    assert (model.state, model.enforcement.enforced) == ("rejected", True)
                    assert model.state_reason == f"Invalid path: {tmp_path}/no-such-file"
                assert await envoy.ask("good") == (200, "good")
            async with gateway(world) as envoy:  # which is sent good, bad and worse in one message
                model = await world.add_model("another", url=f"http://127.0.0.1:{port}/v1")
                states = [(await world.model(model_id)).state for model_id in ("good", "bad", "worse", "another")]
                assert states == ["ready", "rejected", "rejected", "ready"]
                assert await envoy.ask("good") == (200, "good")

    in_world(scenario, cluster_ca_file=f"{tmp_path}/no-such-file", **LOOPBACK)


def test_an_envoy_keeps_its_clusters_while_the_registry_restarts_and_hears_what_it_missed(open_world, gateway, model_server):
    async def main():
        with model_server("kept") as port:
            async with open_world(**LOOPBACK) as world:
                running = gateway(world)
                envoy = await running.__aenter__()
                await world.add_model("kept", url=f"http://127.0.0.1:{port}/v1")
                await world.add_model("dropped", url=f"http://127.0.0.1:{port}/v1")
            try:
                assert await envoy.ask("kept") == (200, "kept")
                async with open_world(**LOOPBACK) as elsewhere:
                    await elsewhere.delete_model("dropped")
                assert await envoy.ask("dropped") == (200, "kept")
                async with open_world(port=world.port, **LOOPBACK) as world:
                    async with asyncio.timeout(60):
                        while (await world.model("kept")).state != "ready":
                            pass  # Envoy comes back by itself
                    assert (await envoy.ask("dropped"))[0] == NO_ROUTE
                    assert await envoy.ask("kept") == (200, "kept")
            finally:
                await running.__aexit__(None, None, None)

    asyncio.run(main())


def test_a_registration_waits_until_envoy_knows_the_servers_address(in_world, gateway, model_server):
    async def scenario(world):
        with name_server() as names, model_server("slow") as port:
            async with gateway(world, **by_name_server(names.port)) as envoy:
                registering = asyncio.create_task(world.add_model("slow", url=f"http://slow.test:{port}/v1"))
                await asyncio.to_thread(names.asked.wait)
                assert (await envoy.ask("slow"))[0] == NO_ROUTE
                assert ((await world.model("slow")).state, registering.done()) == ("pending", False)
                names.answer.set()
                assert (await registering).state == "ready"
                assert await envoy.ask("slow") == (200, "slow")

    in_world(scenario)


def test_https_servers_are_checked_against_the_authorities_and_by_name(in_world, gateway, model_server, certificates):
    async def scenario(world):
        async with gateway(world) as envoy:
            with (
                model_server("named", certificates.of("localhost")) as named,
                model_server("address", certificates.of("127.0.0.1")) as address,
                model_server("other", certificates.of("other.example")) as other,
            ):
                await world.add_model("named", url=f"https://localhost:{named}/v1")
                await world.add_model("address", url=f"https://127.0.0.1:{address}/v1")
                await world.add_model("other", url=f"https://localhost:{other}/v1")
                assert await envoy.ask("named") == (200, "named")
                assert await envoy.ask("address") == (200, "address")
                assert (await envoy.ask("other"))[0] == NO_ROUTE

    in_world(scenario, cluster_ca_file=str(certificates.authority), **LOOPBACK)


class NameServer:
    """Answers that every name is at 127.0.0.1 and has no IPv6 address, once it is let."""

    def __init__(self, listening: socket.socket) -> None:
        self.port = listening.getsockname()[1]
        self.asked, self.answer = threading.Event(), threading.Event()
        self._socket = listening

    def run(self) -> None:
        while len(query := (received := self._socket.recvfrom(4096))[0]) > HEADER:
            self.asked.set()
            self.answer.wait(60)
            end = query.index(0, HEADER) + 5
            is_ipv4 = query[end - 4 : end - 2] == b"\0\1"
            record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1])
            counts = struct.pack("!HHHH", 1, int(is_ipv4), 0, 0)
            self._socket.sendto(query[:2] + b"\x81\x80" + counts + query[HEADER:end] + record * is_ipv4, received[1])


HEADER = 12


@contextmanager
def name_server() -> Iterator[NameServer]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        server = NameServer(listening)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.answer.set()
            listening.sendto(b"", listening.getsockname())  # which ends it
            thread.join()


def by_name_server(port: int) -> dict:
    """Envoy's configuration that has it ask that name server alone."""
    cares = {
        "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        "resolvers": [{"socket_address": {"address": "127.0.0.1", "port_value": port}}],
        "dns_resolver_options": {"no_default_search_domain": True},
    }
    return {"typed_dns_resolver_config": {"name": "envoy.network.dns_resolver.cares", "typed_config": cares}}
