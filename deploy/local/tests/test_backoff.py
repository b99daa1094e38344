from __future__ import annotations

from maas_local.backoff import Backoff


def test_each_death_in_a_row_doubles_the_delay_up_to_the_longest():
    backoff = Backoff(first_s=0.5, longest_s=3.0)
    assert [backoff.next_delay(lived_s=1.0) for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_long_life_starts_afresh():
    backoff = Backoff(first_s=0.5, longest_s=3.0, forgive_after_s=30.0)
    backoff.next_delay(lived_s=1.0)
    backoff.next_delay(lived_s=1.0)
    assert backoff.next_delay(lived_s=30.0) == 0.5
    assert backoff.next_delay(lived_s=29.9) == 1.0


def test_very_many_deaths_are_no_overflow():
    backoff = Backoff(first_s=0.5, longest_s=3.0)
    assert {backoff.next_delay(lived_s=0.0) for _ in range(2000)} == {0.5, 1.0, 2.0, 3.0}
