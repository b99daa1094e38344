"""Many threads at once get exactly what one alone would."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from threading import Barrier, Thread

import pytest
from maas_ratelimit.core.counting import Settled

from services.ratelimit.tests.contract.callers import usage_record
from services.ratelimit.tests.contract.plain_model import PlainModel

CLIENTS = 200


@pytest.fixture(autouse=True)
def _real_stores(counting) -> None:
    """The model is for one thread."""
    if isinstance(counting.store, PlainModel):
        pytest.skip("the model is for one thread")


def in_threads(work: Callable[[int], Iterable[object]]) -> list:
    """What each of the clients did, all started at once."""
    start, results = Barrier(CLIENTS), [[] for _ in range(CLIENTS)]

    def client(series: int) -> None:
        start.wait()
        results[series].extend(work(series))

    threads = [Thread(target=client, args=(series,)) for series in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(chain.from_iterable(results))


@pytest.mark.parametrize("window", ["1d", "month", "sliding 1d", "sliding-log 1d", "gcra 1d"])
def test_200_clients_get_exactly_the_1000_requests_of_a_limit(ann, window):
    caller = ann(f"1;r:requests:1000:{window}:user;t:total_tokens:100000:1d:user")
    admissions = in_threads(lambda series: [caller.admit(number, tokens=10) for number in range(series, 2000, CLIENTS)])
    assert sum(not admission.refusing for admission in admissions) == 1000
    assert caller.used() == [(1000, 0), (0, 10_000)]


def test_200_clients_hold_exactly_the_limit_of_concurrency(ann):
    caller = ann("1;c:concurrency:20:-:user")
    everybody = Barrier(CLIENTS)

    def work(series: int) -> Iterable[bool]:
        for number in range(series, 1000, CLIENTS):
            everybody.wait()
            is_admitted = not caller.admit(number).refusing
            everybody.wait()
            yield is_admitted
            if is_admitted:
                caller.settle(number)

    assert sum(in_threads(work)) == 5 * 20
    assert caller.used() == [(0, 0)]


def test_what_200_clients_settle_adds_up_to_the_token_and_is_told_once_each(ann, counting):
    caller = ann("1;r:requests:100000:1d:user;t:total_tokens:100000000:1d:user:hard:1;c:concurrency:1000:-:user")

    def work(series: int) -> Iterable[Settled]:
        for number in range(series, 2000, CLIENTS):
            caller.admit(number)
            yield caller.settle(number, tokens=number, record=usage_record(number))
            yield caller.settle(number, tokens=number, record=usage_record(number))

    settled = in_threads(work)
    assert (settled.count(Settled.REPLACED), settled.count(Settled.REPEATED)) == (2000, 2000)
    total = sum(range(2000))
    assert caller.used() == [(2000, 0), (total, 0), (0, 0)]
    usages = [event for event in counting.events() if hasattr(event, "rid")]
    assert sorted(event.input for event in usages) == list(range(2000))
    assert len(counting.events()) == 2000 + 1  # and one threshold


def test_one_id_from_200_clients_is_admitted_once(ann):
    caller = ann("1;r:requests:1000:1d:user;t:total_tokens:100000:1d:user")
    admissions = in_threads(lambda _: [caller.admit(7)])
    assert [admission.is_repeat for admission in admissions].count(False) == 1
    assert caller.used() == [(1, 0), (0, 100)]
