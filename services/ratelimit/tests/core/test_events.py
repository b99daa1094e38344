"""Lines of the outbox are read as they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_ratelimit.core.events import SEPARATOR, BudgetPassed, Usage, budget_line, read_line, record, usage_line

TEXT = st.text(st.characters(exclude_characters=SEPARATOR))
COUNT = st.integers(0, 2**53)


@given(st.lists(TEXT, min_size=8, max_size=8), st.lists(st.none() | COUNT, min_size=6, max_size=6), COUNT, COUNT)
def test_an_ended_admission(facts, counts, admitted, ended):
    told = read_line(usage_line("1f", "measured", admitted, ended, record(facts, counts)))
    assert told == Usage("1f", "measured", admitted, ended, *facts, *[count or 0 for count in counts])


@given(st.lists(st.text(), min_size=8, max_size=8))
def test_a_separator_in_a_name_does_not_move_the_others(facts):
    told = read_line(usage_line("1f", "measured", 1, 2, record(facts, [None] * 6)))
    assert told[4:12] == tuple(fact.replace(SEPARATOR, "\ufffd") for fact in facts)


@given(st.builds(BudgetPassed, TEXT, TEXT, TEXT, COUNT, COUNT, COUNT, COUNT, COUNT))
def test_a_threshold_that_was_passed(passed):
    assert read_line(budget_line(passed)) == passed


def test_a_subject_of_several_scopes_is_told_as_people_see_it():
    passed = BudgetPassed("default", "a:cost:1d:user+model", f"ann{SEPARATOR}small", 50, 5, 10, 0, 0)
    assert read_line(budget_line(passed)) == passed._replace(subject="ann+small")


@pytest.mark.parametrize("line", ["", "x", "u", f"b{SEPARATOR}1", f"u{SEPARATOR}1f{SEPARATOR}measured"])
def test_what_is_no_line_is_refused(line):
    with pytest.raises(ValueError, match="fields is not known"):
        read_line(line)
