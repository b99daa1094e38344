"""Users, roles and tenants, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maas.keys.v1 import roles_pb2, tenants_pb2, users_pb2

from cli.tests.fakes.house import CREATED_S, House, found, updated
from cli.tests.fakes.web import Request


@dataclass(slots=True)
class Tenancy:
    """One tenant's people and what they may do, and the tenants."""

    house: House
    users: list[users_pb2.User] = field(default_factory=list)
    assignments: list[roles_pb2.RoleAssignment] = field(default_factory=list)
    tenants: dict[str, tenants_pb2.Tenant] = field(default_factory=dict)

    def GetMe(self, asked: users_pb2.GetMeRequest, request: Request) -> Any:
        me = users_pb2.User(id="User00000000", username=self.house.caller(request), roles=["admin", "model-consumer"])
        me.teams.add(id="search", name="Search", role="owner")
        me.groups_at.FromSeconds(CREATED_S)
        return me

    def GetUser(self, asked: users_pb2.GetUserRequest, request: Request) -> Any:
        return found({user.id: user for user in self.users}, asked.id, "user")

    def ListUsers(self, asked: users_pb2.ListUsersRequest, request: Request) -> Any:
        users = [user for user in self.users if asked.group in {"", *user.groups} and asked.email in {"", user.email}]
        page, following = self.house.page(users, asked.page_size, asked.page_token)
        return users_pb2.ListUsersResponse(users=page, next_page_token=following)

    def ImportUsers(self, asked: users_pb2.ImportUsersRequest, request: Request) -> Any:
        enforcement = None if asked.dry_run else self.house.enforcement()
        created = len(asked.users) or asked.csv.count("\n") - 1
        return users_pb2.ImportUsersResponse(created=created, dry_run=asked.dry_run, enforcement=enforcement)

    def DeleteUser(self, asked: users_pb2.DeleteUserRequest, request: Request) -> Any:
        self.users.remove(found({user.id: user for user in self.users}, asked.id, "user"))
        return users_pb2.DeleteUserResponse(revoked_count=3, enforcement=self.house.enforcement())

    def AssignRole(self, asked: roles_pb2.AssignRoleRequest, request: Request) -> Any:
        assigned = roles_pb2.RoleAssignment(id="Role00000000", role=asked.role, member_kind=asked.member_kind, member=asked.member)
        assigned.created_by = self.house.caller(request)
        self.assignments.append(assigned)
        return assigned

    def ListRoleAssignments(self, asked: roles_pb2.ListRoleAssignmentsRequest, request: Request) -> Any:
        page, following = self.house.page(self.assignments, asked.page_size, asked.page_token)
        return roles_pb2.ListRoleAssignmentsResponse(assignments=page, next_page_token=following)

    def UnassignRole(self, asked: roles_pb2.UnassignRoleRequest, request: Request) -> Any:
        self.assignments.remove(found({each.id: each for each in self.assignments}, asked.id, "assignment"))
        return roles_pb2.UnassignRoleResponse()

    def CreateTenant(self, asked: tenants_pb2.CreateTenantRequest, request: Request) -> Any:
        tenant = tenants_pb2.Tenant(name=asked.name, display_name=asked.display_name, admin_groups=asked.admin_groups, etag="1")
        tenant.admin_users.extend(asked.admin_users)
        tenant.default_limits.extend(asked.default_limits)
        self.tenants[tenant.name] = tenant
        return self.house.changed(tenant)

    def GetTenant(self, asked: tenants_pb2.GetTenantRequest, request: Request) -> Any:
        return found(self.tenants, asked.name, "tenant")

    def ListTenants(self, asked: tenants_pb2.ListTenantsRequest, request: Request) -> Any:
        page, following = self.house.page(list(self.tenants.values()), asked.page_size, asked.page_token)
        return tenants_pb2.ListTenantsResponse(tenants=page, next_page_token=following)

    def UpdateTenant(self, asked: tenants_pb2.UpdateTenantRequest, request: Request) -> Any:
        return self.house.changed(updated(found(self.tenants, asked.name, "tenant"), asked))

    def DeleteTenant(self, asked: tenants_pb2.DeleteTenantRequest, request: Request) -> Any:
        found(self.tenants, asked.name, "tenant")
        del self.tenants[asked.name]
        return tenants_pb2.DeleteTenantResponse()
