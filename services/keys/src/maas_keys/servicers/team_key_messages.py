"""Teams' keys between messages and values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from maas.keys.v1 import teams_pb2 as pb
from maas_common.errors import FieldViolation, InvalidArgumentError
from maas_common.watch import Enforced

from maas_keys.core.api_key import ApiKey, Scope, Status
from maas_keys.core.budget import BudgetPatch
from maas_keys.core.creation import KeyOrder
from maas_keys.core.details import Details
from maas_keys.core.key_states import disabled, enabled, revoked
from maas_keys.core.money import dollars, micro_dollars
from maas_keys.servicers.budget_messages import NO_MONEY
from maas_keys.servicers.key_messages import pack_created, pack_key


def unpack_order(request: pb.CreateTeamKeyRequest) -> KeyOrder:
    """A key to make."""
    budget = BudgetPatch(micro_dollars("budget_usd", request.budget_usd)) if request.HasField("budget_usd") else None
    if budget and not budget.amount:
        raise InvalidArgumentError.of("budget_usd", NO_MONEY)
    details = Details(name=request.alias, expires_in=request.expires_in, scope=Scope(models=tuple(request.models)), budget=budget)
    return KeyOrder(details, team=request.id, request_id=request.request_id)


@contextmanager
def as_named_here() -> Iterator[None]:
    """What is wrong with a key's fields is told by the names that they have in this service."""
    try:
        yield
    except InvalidArgumentError as error:
        violations = [FieldViolation(_renamed(each.field), each.description) for each in error.violations]
        raise InvalidArgumentError("; ".join(f"{v.field}: {v.description}" for v in violations), violations=violations) from None


def _renamed(field: str) -> str:
    return "alias" if field == "name" else field.removeprefix("scope.")


def unpack_patch(request: pb.UpdateTeamKeyRequest) -> Details:
    """What to change of a key."""
    return Details(budget=BudgetPatch(micro_dollars("budget", request.budget)) if request.HasField("budget") else None)


def unpack_turn(request: pb.UpdateTeamKeyRequest, now: float) -> Callable[[ApiKey], ApiKey]:
    """What is to become of a key's status."""
    if not request.HasField("status"):
        return lambda key: key
    turns: dict[str, Callable[[ApiKey], ApiKey]] = {
        Status.ACTIVE: lambda key: enabled(key, now),
        Status.DISABLED: disabled,
        Status.REVOKED: lambda key: revoked(key, now),
    }
    return turns[request.status]


def pack_team_key(key: ApiKey, now: float, enforced: Enforced | None = None) -> pb.TeamKey:
    """A key without its secret, after a change with how far that has reached."""
    shown = pack_key(key, now, enforced)
    return pb.TeamKey(
        id=key.id,
        alias=key.name,
        team_id=key.team,
        models=key.scope.models,
        budget_usd=dollars(key.budget.amount) if key.budget else None,
        status=shown.status,
        username=shown.username,
        created_at=shown.creation_date,
        expires_at=shown.expiration_date,
        api_key=shown,
    )


def pack_made(key: ApiKey, secret: str, now: float, enforced: Enforced) -> pb.TeamKey:
    """A key with its secret, or with why there is none to show."""
    answer = pack_team_key(key, now, enforced)
    answer.key = secret
    answer.note = pack_created(key, secret, now, enforced).note
    return answer
