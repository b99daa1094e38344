"""The decision with its reasons, for a request that nobody made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from maas_authz.core.catalogue import Catalogue
from maas_authz.core.decision import Decision, Request, decide
from maas_authz.core.keys import REVOKED, Caller, KeyRecord, refusal_of
from maas_authz.core.steps import Step, Steps

_DEFAULT_PATH = "/v1/chat/completions"
_STATES = {"pending": "pending: an administrator has to approve it", "disabled": "disabled: it can be enabled again"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be decided, and what was looked at in order."""

    decision: Decision
    steps: tuple[Step, ...]


def imagined_request(model: str, path: str) -> Request:
    """A plain request to a path (`/v1/chat/completions` when empty) whose body names a model, unless that is empty."""
    path = path or _DEFAULT_PATH
    method = "GET" if path.startswith("/v1/models") else "POST"
    return Request(method, path, {"bytes": "2"} | ({"model": model} if model else {}), address=None)


def explain_key(record: KeyRecord, request: Request, catalogue: Catalogue | None, now: float) -> Explanation:
    """For whoever holds that key, at that Unix time."""
    steps: Steps = [Step("credential", passed=True, detail=f'key "{record.caller.key_id}" ("{record.name}") of {record.username}')]
    refused = refusal_of(record, now)
    if refused:
        steps.append(Step("key", passed=False, detail=_why_not(record, now)))
        return Explanation(refused, tuple(steps))
    steps.append(Step("key", passed=True, detail=f"active until {_date(record.expires_at)}"))
    return Explanation(decide(record.caller, request, catalogue, now, steps), tuple(steps))


def explain_groups(caller: Caller, request: Request, catalogue: Catalogue | None, now: float) -> Explanation:
    """For somebody in the caller's groups, whatever key they hold."""
    steps: Steps = [Step("credential", passed=True, detail=f"no key; groups {', '.join(caller.groups)}")]
    return Explanation(decide(caller, request, catalogue, now, steps), tuple(steps))


def _why_not(record: KeyRecord, now: float) -> str:
    """A revoked key is that, whatever else it is; an expired one is not mended by enabling or approving it."""
    if record.status == REVOKED or now < record.expires_at:
        return _STATES.get(record.status, record.status)
    return f"expired at {_date(record.expires_at)}"


def _date(unix_time: int) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat()
