"""Turning keys off and on."""

from __future__ import annotations

from dataclasses import replace

from maas_common.errors import FailedPreconditionError

from maas_keys.core.api_key import ApiKey, Status


def disabled(key: ApiKey) -> ApiKey:
    """A key that is refused until it is enabled; itself when it is disabled already. FailedPreconditionError when it is revoked."""
    _check_not(key, "disabled", key.state(), {Status.REVOKED})
    return key if key.is_disabled else replace(key, is_disabled=True)


def enabled(key: ApiKey, now: float) -> ApiKey:
    """A key that is not disabled; itself when it was not. FailedPreconditionError when it would not work for another reason."""
    _check_not(key, "enabled", key.status(now), {Status.REVOKED, Status.EXPIRED, Status.PENDING})
    return replace(key, is_disabled=False) if key.is_disabled else key


def revoked(key: ApiKey, now: float) -> ApiKey:
    """A key that never works again; itself when it is revoked already."""
    return key if key.revoked_at is not None else replace(key, revoked_at=int(now), hashes=key.hashes[:1])


def check_changeable(key: ApiKey) -> None:
    """FailedPreconditionError for a key that has ended for ever."""
    _check_not(key, "changed", key.state(), {Status.REVOKED})


def check_rotatable(key: ApiKey, now: float) -> None:
    """FailedPreconditionError for a key whose new secret would not work."""
    _check_not(key, "rotated", key.status(now), {Status.REVOKED, Status.EXPIRED})


def _check_not(key: ApiKey, what: str, status: Status, hindering: set[Status]) -> None:
    if status in hindering:
        instead = "approve or reject it" if status is Status.PENDING else "make another one"
        raise FailedPreconditionError(f'API key "{key.id}" is {status}, so it can\'t be {what}; {instead}', reason=f"KEY_{status.upper()}")
