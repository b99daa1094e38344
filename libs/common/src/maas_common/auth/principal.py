"""The caller of a management method."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum

from maas_common.auth.roles import Role
from maas_common.errors import UnauthenticatedError

EVERYBODY_SIGNED_IN = "system:authenticated"
DEFAULT_TENANT = "default"


class Access(Enum):
    """Who may call a method."""

    PUBLIC = "anybody"
    WORKLOAD = "Envoy and the suite's services"
    PEOPLE = "whom the table of roles lets in (maas_common.auth.roles)"
    PEOPLE_OR_WORKLOAD = "those, and Envoy for those it let in"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody signed in, or the workload itself. Identity is (issuer, subject), never the name or the email."""

    issuer: str
    subject: str
    username: str
    groups: tuple[str, ...] = ()
    roles: frozenset[Role] = frozenset()
    tenant: str = DEFAULT_TENANT
    email: str = ""
    issued_at: int = 0
    """When the issuer vouched for all this, Unix seconds."""
    is_workload: bool = False
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def user(self) -> str:
        """Whose counters and keys: `<issuer>|<subject>`."""
        return f"{self.issuer}|{self.subject}"

    @property
    def is_admin(self) -> bool:
        """Whether they administer their tenant."""
        return Role.ADMIN in self.roles


_current: ContextVar[Principal | None] = ContextVar("principal", default=None)


def current_principal() -> Principal:
    """Who makes the call in hand; UnauthenticatedError outside one."""
    principal = _current.get()
    if principal is None:
        raise UnauthenticatedError("no caller: sign in, and send the token as `authorization: Bearer …`")
    return principal


def bind_principal(principal: Principal) -> None:
    """Set by the interceptor for the task of the call."""
    _current.set(principal)
