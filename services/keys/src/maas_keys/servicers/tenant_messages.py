"""Tenants between messages and values."""

from __future__ import annotations

from maas.keys.v1 import tenants_pb2 as pb
from maas_common.limit_messages import pack_limit
from maas_common.watch import Enforced

from maas_keys.core.tenant import Tenant
from maas_keys.core.tenant_rules import TenantDraft, TenantPatch
from maas_keys.servicers.limit_messages import pack_enforcement, pack_time, unpack_limits
from maas_keys.servicers.patches import Presence


def unpack_draft(request: pb.CreateTenantRequest) -> TenantDraft:
    """A tenant to make."""
    return TenantDraft(
        name=request.name,
        display_name=request.display_name,
        description=request.description,
        default_limits=unpack_limits(request.default_limits),
        admin_groups=tuple(request.admin_groups),
        admin_users=tuple(request.admin_users),
    )


def unpack_patch(request: pb.UpdateTenantRequest) -> TenantPatch:
    """What to change of a tenant."""
    fields = Presence(request, request.update_mask.paths, key="name")
    return TenantPatch(
        display_name=fields.given("display_name", request.display_name),
        description=fields.given("description", request.description),
        default_limits=fields.given("default_limits", unpack_limits(request.default_limits)),
        admin_groups=fields.given("admin_groups", tuple(request.admin_groups)),
        admin_users=fields.given("admin_users", tuple(request.admin_users)),
        etag=request.etag,
    )


def pack_tenant(tenant: Tenant, enforced: Enforced | None = None) -> pb.Tenant:
    """A tenant; `enforced` in answers to changes."""
    return pb.Tenant(
        name=tenant.name,
        display_name=tenant.display_name,
        description=tenant.description,
        default_limits=map(pack_limit, tenant.default_limits),
        admin_groups=tenant.admin_groups,
        admin_users=tenant.admin_users,
        created_at=pack_time(tenant.created_at),
        updated_at=pack_time(tenant.updated_at),
        etag=tenant.etag,
        enforcement=pack_enforcement(enforced),
    )
