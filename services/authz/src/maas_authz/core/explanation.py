"""The decision with its reasons, for a request that nobody made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from maas_authz.core.catalogue import Catalogue
from maas_authz.core.decision import Decision, Request, Step, Steps, decide
from maas_authz.core.keys import Caller, KeyRecord, refusal_of

_DEFAULT_PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be decided, and what was looked at in order."""

    decision: Decision
    steps: tuple[Step, ...]


def imagined_request(model: str, path: str) -> Request:
    """A plain request to a path (`/v1/chat/completions` when empty) whose body names a model, unless that is empty."""
    path = path or _DEFAULT_PATH
    method = "GET" if path.startswith("/v1/models") else "POST"
    return Request(method, path, {"bytes": "2"} | ({"model": model} if model else {}))


def explain_key(record: KeyRecord, request: Request, catalogue: Catalogue | None, now: float) -> Explanation:
    """For whoever holds that key, at that Unix time."""
    steps: Steps = [Step("credential", passed=True, detail=f'key "{record.caller.key_id}" ("{record.name}") of {record.username}')]
    until = datetime.fromtimestamp(record.expires_at, UTC).isoformat()
    refused = refusal_of(record, now)
    if refused:
        steps.append(Step("key", passed=False, detail="revoked" if not record.is_active else f"expired at {until}"))
        return Explanation(refused, tuple(steps))
    steps.append(Step("key", passed=True, detail=f"active until {until}"))
    return Explanation(decide(record.caller, request, catalogue, steps), tuple(steps))


def explain_groups(caller: Caller, request: Request, catalogue: Catalogue | None) -> Explanation:
    """For somebody in the caller's groups, whatever key they hold."""
    steps: Steps = [Step("credential", passed=True, detail=f"no key; groups {', '.join(caller.groups)}")]
    return Explanation(decide(caller, request, catalogue, steps), tuple(steps))
