"""A guarded store on a real cluster, one of whose masters dies: its replica takes over, and nothing that was settled meanwhile is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import redis
from maas_common.clock import SystemClock
from maas_common.errors import UnavailableError
from maas_ratelimit.adapters.guarded.store import GuardedStore
from maas_ratelimit.adapters.guarded.substitute import Substitute
from maas_ratelimit.adapters.redis.check import check
from maas_ratelimit.adapters.redis.options import RedisOptions
from maas_ratelimit.adapters.redis.store import RedisStore
from maas_ratelimit.core.counting import Account, Admission, Claim, CounterState, Outcome, Settled, Settlement
from maas_ratelimit.core.plans import Plan

from services.ratelimit.tests.redis_servers import HOST, SLOTS, Server, free_port, redis_cluster, redis_server, wait_until

ACCOUNT = Account(Plan.parse("1;r:requests:100:366d:user"), "default", ("ann",))


@dataclass(frozen=True)
class Cluster:
    """Two masters, of which the first has a replica. They give each other up after half a second."""

    first: Server
    second: Server
    replica: Server

    def tenant(self) -> str:
        """One whose counters are on the first."""
        with self.first.client() as client:
            slots = {name: client.execute_command("CLUSTER", "KEYSLOT", f"{{maas:{name}}}") for name in "0123456789"}
        return next(name for name, slot in slots.items() if slot < SLOTS // 2)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(redis_server(port=free_port(10000), cluster_enabled="yes", cluster_node_timeout="500")) for _ in range(4)
        ]
        clients = [stack.enter_context(node.client()) for node in nodes]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            clients[0].execute_command("CLUSTER", "MEET", HOST, nodes[number].port)
        clients[0].execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS // 2))
        clients[1].execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS // 2, SLOTS - 1))
        clients[2].execute_command("CLUSTER", "ADDSLOTS", SLOTS - 1)  # it takes two of three masters to give one up
        for client in clients:
            wait_until(lambda client=client: _sees(client, 4))
        clients[3].execute_command("CLUSTER", "REPLICATE", clients[0].execute_command("CLUSTER", "MYID"))
        wait_until(lambda: clients[3].info("replication").get("master_link_status") == "up")
        yield Cluster(nodes[0], nodes[1], nodes[3])


def _sees(client: redis.Redis, nodes: int) -> bool:
    info = client.execute_command("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_known_nodes:%d\r" % nodes in info


def test_a_cluster_that_is_gone_is_away_until_it_is_back():
    with redis_cluster() as nodes, ExitStack() as stack:
        options = RedisOptions(url=nodes[0].url, cluster=True)
        store = RedisStore(options)
        substitute = Substitute("deny", None, reservation_ttl_s=3600.0, at_most=100)
        guarded = GuardedStore(store, probe=lambda: check(store), substitute=substitute, clock=SystemClock(), max_spooled=100)
        claim = Claim("1" * 32, ACCOUNT, (1,), (1,), "")
        assert isinstance(guarded.run([claim], now=time.time())[0], Admission)
        for node in nodes:
            node.process.kill()
            node.process.wait()
        assert isinstance(guarded.run([claim], now=time.time())[0], UnavailableError)
        for _ in range(2):
            assert not guarded.recover()
            with pytest.raises(UnavailableError):
                store.sweep()
            with pytest.raises(UnavailableError):
                check(RedisStore(options))
        for node in nodes:
            stack.enter_context(node.again())
        wait_until(guarded.recover)
        assert isinstance(guarded.run([claim], now=time.time())[0], Admission)
        store.close()


def test_it_goes_on_where_the_replica_takes_over(cluster):
    account = ACCOUNT._replace(tenant=cluster.tenant())
    store = RedisStore(RedisOptions(url=cluster.second.url, cluster=True))
    substitute = Substitute("deny", None, reservation_ttl_s=3600.0, at_most=100)
    guarded = GuardedStore(store, probe=lambda: check(store), substitute=substitute, clock=SystemClock(), max_spooled=100)

    def ask(operation: Claim | Settlement) -> Outcome:
        return guarded.run([operation], now=time.time())[0]

    assert isinstance(ask(Claim("1" * 32, account, (1,), (1,), "")), Admission)
    with cluster.first.client() as client:
        assert client.wait(1, 5000) == 1  # the replica has it too
    cluster.first.process.kill()
    assert ask(Settlement("1" * 32, account, (1,), "")) is Settled.QUEUED
    assert not guarded.recover()
    wait_until(guarded.recover)
    assert isinstance(ask(Claim("2" * 32, account, (1,), (1,), "")), Admission)
    (state,) = guarded.read(account, now=time.time())
    assert state == CounterState(2, 0, 98, state.reset)
    store.close()
