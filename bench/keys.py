"""What looking up and searching keys costs as their number grows: the real service, on SQLite and on PostgreSQL.

    .venv/bin/python bench/keys.py [--keys 1000000] [--database postgresql]

Each row is measured with 1,000 keys and with that many. Look-ups are of keys drawn at random. Pages hold 100 keys, by token; the last
page is found by its offset first, which is not measured. CPU is the service's; PostgreSQL's own is in the time alone.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import h2load
from maas.keys.v1 import api_keys_pb2 as api
from maas.keys.v1 import lookup_pb2 as lookup
from maas.keys.v1.api_keys_pb2_grpc import ApiKeysServiceStub
from maas_common.testing import Issuer, issuer
from maas_common.testing.databases import postgres_database, postgres_server
from processes import Running, service, write_secrets
from sqlalchemy import MetaData, create_engine, text
from sqlalchemy import Table as SqlTable

FEW = 1000
_LOOKUP = "/maas.keys.v1.KeyLookupService/LookupApiKey"
_PAGE = 100
_ROUNDS = 200
_OWN = {
    "id": "substr('000000000000' || CAST(n AS TEXT), -12)",
    "name": "'key ' || CAST(n AS TEXT)",
    "name_folded": "'key ' || CAST(n AS TEXT)",
    "created_at": "created_at + n",
    "expires_at": "expires_at + (CAST(n AS BIGINT) * 7919) % 1000000",
    "created_revision": "created_revision + n",
    "revision": "revision + n",
}
"""Columns in which keys differ from the one that they are made like; `n` counts them."""
_USES = """
    INSERT INTO api_key_uses (key_id, tenant, owner_issuer, owner_subject, team, created_revision, last_used_at)
    SELECT id, tenant, owner_issuer, owner_subject, team, created_revision, (created_revision * 104729) % 1000000 FROM api_keys
    WHERE id NOT IN (SELECT key_id FROM api_key_uses)
"""
_NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})",
    "postgresql": "WITH numbers AS (SELECT n FROM generate_series(1, {count}) AS n)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000, help="how many keys the larger database has")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    given = parser.parse_args()
    print(f"{'database':12} {'call':34} {'keys':>10} {'CPU µs/call':>12} {'p50 ms':>8}")
    with ExitStack() as stack:
        people = stack.enter_context(issuer())
        server = stack.enter_context(postgres_server())
        for database in [given.database] if given.database else ["sqlite", "postgresql"]:
            for count in (FEW, given.keys):
                with tempfile.TemporaryDirectory() as folder, _database(database, Path(folder), server) as url:
                    _measure(Path(folder), url, count, people)


@contextmanager
def _database(kind: str, folder: Path, server: str) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/keys.db"
    else:
        with postgres_database(server) as url:
            yield url


def _measure(folder: Path, url: str, count: int, people: Issuer) -> None:
    secret = write_secrets(folder)
    with service("keys", folder, people, DATABASE_URL=url) as keys, grpc.insecure_channel(keys.address) as channel:
        ApiKeysServiceStub(channel).CreateApiKey(api.CreateApiKeyRequest(name="first"), metadata=people.bearer("alice"))
    started = time.perf_counter()
    _fill(url, count)
    print(f"  {count:,} keys made in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    with service("keys", folder, people, DATABASE_URL=url) as keys, grpc.insecure_channel(keys.address) as channel:
        row = _Rows(url.partition(":")[0].partition("+")[0], count)
        method = h2load.Method(keys.port, _LOOKUP, (("x-maas-workload", secret),), keys.pid)
        found = lookup.LookupApiKeyResponse.FromString(h2load.call(method, next(_lookups(count))))
        if not found.HasField("record"):
            raise RuntimeError("the keys that were made are not found")
        ask, requests = channel.unary_unary(_LOOKUP), _lookups(count)
        _, p50_ms = _timed(keys.pid, lambda: ask(next(requests), metadata=method.metadata), rounds=2000)
        row.show("LookupApiKey", h2load.measure_each(method, _lookups(count)).cpu_us_per_call, p50_ms)
        _pages(row, keys, ApiKeysServiceStub(channel), people, count)


def _fill(url: str, count: int) -> None:
    """Make keys like the one that is there."""
    engine = create_engine(url)
    with engine.begin() as connection:
        columns = [column.name for column in SqlTable("api_keys", MetaData(), autoload_with=connection).columns]
        chosen = ", ".join(_OWN.get(name, name) for name in columns)
        if connection.dialect.name == "postgresql":
            chosen = chosen.replace("substr('000000000000' || CAST(n AS TEXT), -12)", "lpad(CAST(n AS TEXT), 12, '0')")
        numbers = _NUMBERS[connection.dialect.name].format(count=count - 1)
        connection.execute(text(f"INSERT INTO api_keys ({', '.join(columns)}) {numbers} SELECT {chosen} FROM api_keys, numbers"))  # noqa: S608 - ours
        connection.execute(text(_USES))
        connection.execute(text("UPDATE revisions SET value = value + :count"), {"count": count})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def _lookups(count: int) -> Iterator[bytes]:
    while True:
        yield lookup.LookupApiKeyRequest(id=f"{random.randrange(1, count):012}").SerializeToString()  # noqa: S311 - which key is no secret


class _Rows:
    def __init__(self, database: str, count: int) -> None:
        self._database = database
        self._count = count

    def show(self, call: str, cpu_us: float, p50_ms: float) -> None:
        print(f"{self._database:12} {call:34} {self._count:10,} {cpu_us:12.0f} {p50_ms:8.2f}", flush=True)


def _pages(row: _Rows, keys: Running, stub: ApiKeysServiceStub, people: Issuer, count: int) -> None:
    """A page of an administrator's search in each order, the first and the last."""
    for by in ("created_at", "expires_at", "last_used_at", "name"):

        def search(pagination: api.SearchPagination, by: str = by) -> api.SearchApiKeysResponse:
            request = api.SearchApiKeysRequest(sort=api.SearchSort(by=by), pagination=pagination)
            answer: api.SearchApiKeysResponse = stub.SearchApiKeys(request, metadata=people.admin(), timeout=60)
            if len(answer.data) != _PAGE:
                raise RuntimeError(f"a page of {len(answer.data)} keys")
            return answer

        near_the_end = search(api.SearchPagination(limit=_PAGE, offset=count - 2 * _PAGE)).next_page_token
        for place, token in (("first", ""), ("last", near_the_end)):
            page = api.SearchPagination(limit=_PAGE, page_token=token)
            row.show(f"search by {by}, {place} page", *_timed(keys.pid, lambda page=page: search(page)))  # type: ignore[misc]


def _timed(pid: int, call: Callable[[], object], rounds: int = _ROUNDS) -> tuple[float, float]:
    """CPU µs a call and the middle time in ms, one call after the other."""
    call()
    before, times = h2load.cpu_s(pid), []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return (h2load.cpu_s(pid) - before) / rounds * 1e6, statistics.median(times) * 1000


if __name__ == "__main__":
    main()
