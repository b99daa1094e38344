"""Every way to a Redis: its port or socket, with credentials, TLS, Sentinels, and a cluster."""

from __future__ import annotations

import signal

import pytest
from maas_common.errors import FailedPreconditionError, UnavailableError
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.redis.check import check
from maas_ratelimit.adapters.redis.options import RedisOptions
from maas_ratelimit.adapters.redis.store import RedisStore
from maas_ratelimit.settings import RatelimitSettings
from pydantic import ValidationError
from redis import ResponseError

from services.ratelimit.tests.adapters.test_redis_store import EVERY_KIND, caller
from services.ratelimit.tests.contract.callers import NOW
from services.ratelimit.tests.redis_servers import redis_cluster, redis_sentinel, redis_server, wait_until
from services.ratelimit.tests.redis_tls import tls_before


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def counts(clock):
    """Whether a store with these options counts."""

    def counts(**options) -> bool:
        store = RedisStore(RedisOptions(**{"timeout_s": 5.0} | options), clock.now)
        check(store)
        ann = caller(store, clock, EVERY_KIND)
        admission = ann.admit(1)
        ann.settle(1, 100)
        store.sweep()
        store.close()
        return not admission.refusing and admission.granted == (1, 100, 1, 1, 100, 1)

    return counts


def test_a_unix_socket(counts):
    with redis_server(port=0) as server:
        assert counts(url=f"unix://{server.socket}")


def test_another_database(counts):
    with redis_server() as server:
        assert counts(url=server.url.replace("/0", "/3"))
        with server.client(db=3) as client:
            assert client.dbsize()


def test_a_user_who_may_do_only_what_is_needed(counts, tmp_path):
    (tmp_path / "password").write_text("of the counter\n")
    with redis_server() as server:
        with server.client() as client:
            client.execute_command(
                "ACL", "SETUSER", "counter", "on", ">of the counter", "~{maas*", "+@all", "-@admin", "-@dangerous", "+info", "-config"
            )
            client.execute_command("ACL", "SETUSER", "default", "off")
        assert counts(url=server.url, username="counter", password_file=tmp_path / "password")


def test_a_wrong_password_is_told_without_it(clock, tmp_path):
    (tmp_path / "password").write_text("guessed")
    with redis_server(requirepass="right") as server:
        store = RedisStore(RedisOptions(url=server.url, password_file=tmp_path / "password"), clock.now)
        with pytest.raises(UnavailableError) as raised:
            check(store)
        assert "guessed" not in str(raised.value)


def test_tls_with_an_authority_and_a_certificate_of_ours(counts, tmp_path):
    with redis_server() as server, tls_before(server, tmp_path) as tls:
        assert counts(url=tls.url, ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file)


def test_a_server_of_an_unknown_authority_is_not_trusted(clock, tmp_path):
    with redis_server() as server, tls_before(server, tmp_path) as tls:
        store = RedisStore(RedisOptions(url=tls.url, cert_file=tls.cert_file, key_file=tls.key_file), clock.now)
        with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            check(store)


def test_the_master_is_found_by_sentinels_and_after_a_failover_the_new_one(clock):
    with redis_server() as master, redis_server(replicaof=f"127.0.0.1 {master.port}") as replica:
        with master.client() as client:
            wait_until(lambda: client.info("replication")["connected_slaves"] == 1)
        with redis_sentinel(master, "counters") as sentinel:
            store = RedisStore(RedisOptions(sentinels=(f"127.0.0.1:{sentinel.port}",), service="counters", timeout_s=2.0), clock.now)
            check(store)
            ann = caller(store, clock, "1;r:requests:9:1d:user")
            ann.admit(1)
            with master.client() as client:
                client.wait(1, 5000)
            with sentinel.client() as client:
                wait_until(lambda: _is_failing_over(client))
            with replica.client() as client:
                wait_until(lambda: client.info("replication")["role"] == "master")
            numbers = iter(range(2, 9999))

            def is_counted_there() -> bool:
                try:
                    ann.admit(next(numbers))
                except UnavailableError:
                    return False
                with replica.client() as client:
                    return bool(client.exists("{maas:default}:r"))

            wait_until(is_counted_there)
            assert ann.used()[0][0] >= 2


def test_sentinels_need_the_name_of_the_master():
    with pytest.raises(ValueError, match="redis_service is missing; want the name that the master has"):
        RedisStore(RedisOptions(sentinels=("127.0.0.1:1",)))


def test_sentinels_that_know_no_master_are_told_without_their_clients():
    with redis_server() as master, redis_sentinel(master, "counters") as sentinel:
        options = RedisOptions(sentinels=(f"127.0.0.1:{sentinel.port}", "127.0.0.1:1"), service="other")
        with pytest.raises(UnavailableError, match="none knows a master of that name") as raised:
            check(RedisStore(options))
    assert "redis.client" not in raised.value.message


@pytest.mark.parametrize("given", [{"redis_sentinels": ["host:26379"]}, {"redis_cluster": True}])
def test_a_topology_without_a_url_is_refused_where_memory_would_be_counted_in(given, tmp_path):
    with pytest.raises(ValidationError, match="redis_url is missing"):
        RatelimitSettings(workload_secret_file=tmp_path, **given)


def test_a_url_of_something_else_is_refused_without_its_password():
    with pytest.raises(ValueError, match="want redis://host") as raised:
        RedisStore(RedisOptions(url="http://:hidden@host"))
    assert "hidden" not in str(raised.value)


def test_a_database_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match='redis_url: database "counts": want a number'):
        RedisStore(RedisOptions(url="redis://:hidden@host/counts"))


@pytest.fixture(scope="module")
def cluster():
    with redis_cluster() as nodes:
        yield nodes


def test_a_cluster(counts, cluster):
    assert counts(url=cluster[1].url, cluster=True)


def test_tenants_are_spread_over_a_cluster(cluster, clock):
    store = RedisStore(RedisOptions(url=cluster[0].url, cluster=True, timeout_s=5.0), clock.now)
    callers = [caller(store, clock, EVERY_KIND, tenant=f"tenant-{number}") for number in range(30)]
    outcomes = store.run([each.claim(1) for each in callers], now=NOW)
    assert [outcome.left[0] for outcome in outcomes] == [8] * 30
    store.sweep()
    assert store.outstanding >= 30
    for node in cluster:
        with node.client() as client:
            assert client.keys("{maas:tenant-*}:r")


def test_a_slot_that_has_moved_is_followed(cluster, clock):
    store = RedisStore(RedisOptions(url=cluster[0].url, cluster=True, timeout_s=5.0, prefix="moving"), clock.now)
    ann = caller(store, clock, "1;r:requests:9:1m:user")
    ann.admit(1)
    tag = "{moving:default}"
    clients = [node.client() for node in cluster]
    slot = clients[0].execute_command("CLUSTER", "KEYSLOT", tag)
    ids = [client.execute_command("CLUSTER", "MYID").decode() for client in clients]
    source = next(number for number, client in enumerate(clients) if client.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot))
    target = (source + 1) % 3
    keys = clients[source].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
    clients[target].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
    clients[source].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
    clients[source].execute_command("MIGRATE", "127.0.0.1", cluster[target].port, "", 0, 5000, "KEYS", *keys)
    for client in (clients[target], clients[source], clients[3 - source - target]):
        client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])
    assert ann.admit(2).left == (7,)
    assert ann.used() == [(2, 0)]


def test_one_node_away_is_unavailable_for_its_tenants_alone(clock):
    with redis_cluster() as nodes:
        for node in nodes:
            with node.client() as client:
                client.config_set("cluster-require-full-coverage", "no")
        store = RedisStore(RedisOptions(url=nodes[0].url, cluster=True, timeout_s=1.0), clock.now)
        callers = [caller(store, clock, "1;r:requests:9:1m:user", tenant=f"tenant-{number}") for number in range(30)]
        store.run([each.claim(1) for each in callers], now=NOW)
        nodes[2].process.send_signal(signal.SIGSTOP)
        outcomes = store.run([each.claim(2) for each in callers], now=NOW)
        nodes[2].process.send_signal(signal.SIGCONT)
        away = [outcome for outcome in outcomes if isinstance(outcome, UnavailableError)]
        there = [outcome.left for outcome in outcomes if not isinstance(outcome, UnavailableError)]
        assert away
        assert there == [(7,)] * len(there) != []


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "volatile-lru"])
def test_a_redis_that_evicts_is_refused_with_the_reason(clock, policy):
    with (
        redis_server(maxmemory_policy=policy) as server,
        pytest.raises(FailedPreconditionError, match="set maxmemory-policy to noeviction"),
    ):
        check(RedisStore(RedisOptions(url=server.url), clock.now))


def test_a_replica_is_refused(clock):
    with (
        redis_server() as master,
        redis_server(replicaof=f"127.0.0.1 {master.port}") as replica,
        pytest.raises(FailedPreconditionError, match="is a replica"),
    ):
        check(RedisStore(RedisOptions(url=replica.url), clock.now))


def test_every_master_of_a_cluster_is_checked(cluster, clock):
    with cluster[2].client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(FailedPreconditionError, match=str(cluster[2].port)):
            check(RedisStore(RedisOptions(url=cluster[0].url, cluster=True, timeout_s=5.0), clock.now))
        client.config_set("maxmemory-policy", "noeviction")


def _is_failing_over(sentinel) -> bool:
    """A Sentinel refuses until it has got to know the replica."""
    try:
        return bool(sentinel.execute_command("SENTINEL", "FAILOVER", "counters"))
    except ResponseError:
        return False
