"""Settlements that wait."""

from __future__ import annotations

from maas_ratelimit.adapters.guarded.spool import Spool
from maas_ratelimit.core.counting import Settlement
from structlog.testing import capture_logs


def settlement(number: int) -> Settlement:
    return Settlement(f"{number:032x}", None, (), "")


def filled(at_most: int, *numbers: int) -> Spool:
    spool = Spool(at_most)
    for number in numbers:
        spool.add(settlement(number))
    return spool


def kept(spool: Spool) -> list[int]:
    return [int(each.rid, 16) for each in spool.take(len(spool))]


def test_the_oldest_are_taken_first():
    spool = filled(10, 1, 2, 3)
    assert [int(each.rid, 16) for each in spool.take(2)] == [1, 2]
    assert kept(spool) == [3]


def test_what_is_put_back_is_the_oldest_again():
    spool = filled(10, 1, 2, 3)
    taken = spool.take(2)
    spool.add(settlement(4))
    spool.put_back(taken)
    assert kept(spool) == [1, 2, 3, 4]


def test_past_the_bound_the_oldest_are_dropped_and_counted():
    spool = filled(3, 1, 2, 3, 4, 5)
    assert (spool.dropped, kept(spool)) == (2, [3, 4, 5])


def test_what_is_put_back_drops_its_oldest_when_others_took_its_place():
    spool = filled(3, 1, 2, 3)
    taken = spool.take(3)
    spool.add(settlement(4))
    spool.put_back(taken)
    assert (spool.dropped, kept(spool)) == (1, [2, 3, 4])


def test_a_full_spool_takes_nothing_back():
    spool = filled(1, 1)
    taken = spool.take(1)
    spool.add(settlement(2))
    spool.put_back(taken)
    assert (spool.dropped, kept(spool)) == (1, [2])


def test_a_loss_is_told_once_each_time_it_begins():
    with capture_logs() as logs:
        spool = filled(1, 1, 2, 3)
        spool.rest()
        spool.add(settlement(4))
        spool.add(settlement(5))
    assert [(each["log_level"], each["max_spooled"]) for each in logs] == [("error", 1)] * 2
