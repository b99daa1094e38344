"""What can be wrong with a request. Raised where the rule is, translated once at the edge (`maas_common.grpc_errors`).

A message names the thing, what is wrong with it and what would be right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maas_common.apikey import without_secrets


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request and what is wrong with it. `field` is its path: `limits[0].window`."""

    field: str
    description: str


class DomainError(Exception):
    """Base of every refusal. `reason` is a stable UPPER_SNAKE_CASE word that clients may branch on."""

    default_reason = "ERROR"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        violations: Sequence[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what a client needs to act on. Nothing secret may be in any of it; keys pasted in place of ids lose theirs here."""
        self.message = without_secrets(message)
        super().__init__(self.message)
        self.reason = reason or self.default_reason
        self.violations = tuple(FieldViolation(v.field, without_secrets(v.description)) for v in violations)
        self.metadata = {name: without_secrets(value) for name, value in (metadata or {}).items()}


class InvalidArgumentError(DomainError):
    """The request is wrong whatever the state is (400)."""

    default_reason = "INVALID_ARGUMENT"

    @classmethod
    def of(cls, field: str, description: str) -> InvalidArgumentError:
        """One wrong field."""
        return cls(f"{field}: {description}", violations=(FieldViolation(field, description),))


class UnauthenticatedError(DomainError):
    """Who is calling is not known (401)."""

    default_reason = "UNAUTHENTICATED"


class PermissionDeniedError(DomainError):
    """The caller may not do this (403)."""

    default_reason = "PERMISSION_DENIED"


class NotFoundError(DomainError):
    """No such thing, or none that the caller may see (404)."""

    default_reason = "NOT_FOUND"


class AlreadyExistsError(DomainError):
    """The name is taken (409)."""

    default_reason = "ALREADY_EXISTS"


class ConflictError(DomainError):
    """Somebody else changed it meanwhile: the etag is not the current one (409)."""

    default_reason = "ETAG_MISMATCH"


class FailedPreconditionError(DomainError):
    """The state forbids it: the last tier can't be deleted (400)."""

    default_reason = "FAILED_PRECONDITION"


class UnavailableError(DomainError):
    """Something needed can't be reached just now; trying again may help (503)."""

    default_reason = "UNAVAILABLE"
