"""docs/plan.md: what it shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from maas_common.plan import PlanError, format_plan, parse_plan

PAGE = (Path(__file__).parents[3] / "docs" / "plan.md").read_text()
EXAMPLES = re.findall(r"```plan\n(.+)\n```", PAGE)
ERRORS = re.findall(r"^\| `(.+)` \| (.+) \|$", PAGE, re.MULTILINE)


def test_the_page_has_examples_and_errors():
    assert len(EXAMPLES) == PAGE.count("```plan") > 3
    assert len(ERRORS) > 10


@pytest.mark.parametrize("text", EXAMPLES)
def test_its_examples_are_plans(text):
    limits, is_strict = parse_plan(text)
    assert format_plan(limits, is_strict=is_strict) == text


@pytest.mark.parametrize(("text", "error"), ERRORS)
def test_its_errors_are_those_that_come(text, error):
    with pytest.raises(PlanError) as caught:
        parse_plan(text)
    assert str(caught.value) == error
