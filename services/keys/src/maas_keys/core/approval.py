"""Which keys wait for an approver, and what one may do about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from maas_common.errors import FailedPreconditionError, PermissionDeniedError

from maas_keys.core.api_key import ApiKey, KeyKind, Status
from maas_keys.core.lifetime import Lifetime


@dataclass(frozen=True, slots=True)
class Approval:
    """From where on self-service keys wait for an approver; None: nowhere. Playground keys, which spend nothing, do not wait."""

    budget: int | None = None
    """Micro-dollars, in whatever period. A key without a budget may spend more than any."""
    lifetime: Lifetime | None = None

    def of_new(self, key: ApiKey) -> ApiKey:
        """A key that was just made without an administrator."""
        if key.kind is KeyKind.PLAYGROUND:
            return key
        return replace(key, pending_reasons=(*self._budget(key), *self._lifetime(key, key.created_at)))

    def of_changed(self, before: ApiKey, after: ApiKey, now: float) -> ApiKey:
        """A key that was changed without an administrator: approved is what was approved, not what it was changed to."""
        has_new_budget, has_new_end = before.budget != after.budget, before.expires_at != after.expires_at
        if not (has_new_budget or has_new_end) or after.kind is KeyKind.PLAYGROUND:
            return after
        is_pending = bool(before.pending_reasons)
        reasons = (
            *(self._budget(after) if has_new_budget or is_pending else ()),
            *(self._lifetime(after, int(now) if has_new_end else before.created_at) if has_new_end or is_pending else ()),
        )
        return replace(after, pending_reasons=reasons, approved_by="" if reasons else after.approved_by)

    def _budget(self, key: ApiKey) -> tuple[str, ...]:
        if self.budget is None:
            return ()
        if key.budget is None:
            return (f"it has no budget, and may spend more than {_usd(self.budget)}",)
        if key.budget.amount <= self.budget:
            return ()
        return (f"its budget of {_usd(key.budget.amount)} is over {_usd(self.budget)}",)

    def _lifetime(self, key: ApiKey, since: int) -> tuple[str, ...]:
        if self.lifetime is None or key.expires_at - since <= self.lifetime.seconds:
            return ()
        return (f"it lives longer than {self.lifetime.text}",)


def approved(key: ApiKey, by: str) -> ApiKey:
    """A pending key that works now; FailedPreconditionError when it does not wait, PermissionDeniedError for who made it."""
    _check_waits(key)
    if key.created_by == by:
        raise PermissionDeniedError(f'API key "{key.id}": you made it; have another administrator approve it')
    return replace(key, pending_reasons=(), approved_by=by)


def rejected(key: ApiKey, now: float) -> ApiKey:
    """A pending key that will never work; FailedPreconditionError when it does not wait."""
    _check_waits(key)
    return replace(key, revoked_at=int(now))


def _check_waits(key: ApiKey) -> None:
    if key.revoked_at is not None or not key.pending_reasons:
        what = Status.REVOKED if key.revoked_at is not None else "not pending"
        raise FailedPreconditionError(f'API key "{key.id}" is {what}: it waits for no approver', reason="NOT_PENDING")


def _usd(amount: int) -> str:
    cents, rest = divmod(amount, 10_000)
    return f"${Decimal(cents).scaleb(-2):,}" if not rest else f"${Decimal(amount).scaleb(-6):,}".rstrip("0")
