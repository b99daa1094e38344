"""The rules of making and changing tenants, and of who may do what with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maas_common.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError, PermissionDeniedError
from maas_common.limit_drafts import LimitDraft
from maas_common.limits import Scope

from maas_keys.core.api_key import DEFAULT_TENANT
from maas_keys.core.caller import Caller
from maas_keys.core.etag import check_etag
from maas_keys.core.limit_drafts import limits_of
from maas_keys.core.tenant import Tenant
from maas_keys.core.text import check_line, check_name, slug


@dataclass(frozen=True, slots=True)
class TenantDraft:
    """A tenant as somebody asks for it; its name may be empty when there is a display name."""

    name: str = ""
    display_name: str = ""
    description: str = ""
    default_limits: tuple[LimitDraft, ...] = ()
    admin_groups: tuple[str, ...] = ()
    admin_users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TenantPatch:
    """What to change of a tenant; None leaves a field as it is."""

    display_name: str | None = None
    description: str | None = None
    default_limits: tuple[LimitDraft, ...] | None = None
    admin_groups: tuple[str, ...] | None = None
    admin_users: tuple[str, ...] | None = None
    etag: str = ""


def check_keeps_tenants(caller: Caller) -> None:
    """PermissionDeniedError for all but administrators of the tenant `default`."""
    if not keeps_tenants(caller):
        raise PermissionDeniedError(f'tenants are made and deleted by administrators of the tenant "{DEFAULT_TENANT}" only')


def keeps_tenants(caller: Caller) -> bool:
    """Whether a caller, known to administer their tenant, administers the others too."""
    return caller.tenant == DEFAULT_TENANT


def tenant_for(caller: Caller, name: str, tenant: Tenant | None) -> Tenant:
    """The tenant, for an administrator who may see it; NotFoundError otherwise."""
    if tenant is None or not (keeps_tenants(caller) or caller.tenant == name):
        raise NotFoundError(f'tenant "{name}" does not exist', metadata={"tenant": name})
    return tenant


def new_tenant(draft: TenantDraft, *, now: int) -> Tenant:
    """The tenant to store; InvalidArgumentError when it can't be."""
    if not draft.name and not draft.display_name:
        raise InvalidArgumentError.of("name", "is missing; give a name, or a display name to make it from")
    name = draft.name or slug("name", draft.display_name)
    tenant = Tenant(
        name=name,
        display_name=draft.display_name or name,
        description=draft.description,
        default_limits=limits_of("default_limits", draft.default_limits, per=Scope.USER),
        admin_groups=draft.admin_groups,
        admin_users=draft.admin_users,
        created_at=now,
        updated_at=now,
    )
    _check(tenant)
    return tenant


def updated_tenant(tenant: Tenant, patch: TenantPatch, *, now: int) -> Tenant:
    """The changed tenant; InvalidArgumentError or ConflictError when it can't be."""
    check_etag(f'tenant "{tenant.name}"', current=tenant.etag, given=patch.etag)
    if patch.display_name is not None:
        tenant = replace(tenant, display_name=patch.display_name or tenant.name)
    if patch.description is not None:
        tenant = replace(tenant, description=patch.description)
    if patch.default_limits is not None:
        tenant = replace(tenant, default_limits=limits_of("default_limits", patch.default_limits, per=Scope.USER))
    if patch.admin_groups is not None:
        tenant = replace(tenant, admin_groups=patch.admin_groups)
    if patch.admin_users is not None:
        tenant = replace(tenant, admin_users=patch.admin_users)
    _check(tenant)
    return replace(tenant, updated_at=now)


def check_deletable(tenant: Tenant, etag: str) -> None:
    """FailedPreconditionError for the tenant that stays, ConflictError for one that is another version."""
    if tenant.name == DEFAULT_TENANT:
        raise FailedPreconditionError(f'tenant "{DEFAULT_TENANT}" stays: the catalogue is shared by it', reason="DEFAULT_TENANT")
    check_etag(f'tenant "{tenant.name}"', current=tenant.etag, given=etag)


def _check(tenant: Tenant) -> None:
    check_name("display_name", tenant.display_name)
    check_line("description", tenant.description, allowed="\t\r\n")
    _check_lines("admin_groups", tenant.admin_groups)
    _check_lines("admin_users", tenant.admin_users)
    for position, user in enumerate(tenant.admin_users):
        issuer, _, subject = user.partition("|")
        if not (issuer and subject):
            raise InvalidArgumentError.of(f"admin_users[{position}]", f'"{user}": want <issuer>|<subject>')


def _check_lines(field: str, lines: Sequence[str]) -> None:
    for position, line in enumerate(lines):
        check_line(f"{field}[{position}]", line)
