"""What was looked at on the way to a decision, for people."""

from __future__ import annotations

from dataclasses import dataclass

from maas_authz.core.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Step:
    """One thing looked at: `check` names it, `detail` says for people what was found."""

    check: str
    passed: bool
    detail: str


Steps = list[Step]


def refused(steps: Steps | None, check: str, refusal: Refusal, detail: str = "") -> Refusal:
    """The refusal, written down if anybody wants to know."""
    if steps is not None:
        steps.append(Step(check, passed=False, detail=detail or refusal.message))
    return refusal


def passed(steps: Steps | None, check: str, detail: str) -> None:
    """Nothing to refuse, written down if anybody wants to know."""
    if steps is not None:
        steps.append(Step(check, passed=True, detail=detail))
