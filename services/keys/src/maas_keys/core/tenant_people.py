"""Whom the administrators of a tenant may vouch for: models and tiers are all tenants', and tiers go by groups."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.auth.principal import DEFAULT_TENANT, EVERYBODY_SIGNED_IN
from maas_common.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class Provider:
    """Who signs people in to these tenants, and what the names of all groups begin with that it gives."""

    issuer: str
    tenants: tuple[str, ...]
    groups_prefix: str


@dataclass(frozen=True, slots=True)
class TenantPeople:
    """What a tenant's providers could say its administrators may. Those of `default` may say anything: its roles are over all tenants."""

    providers: tuple[Provider, ...]

    def check_group(self, field: str, group: str, tenant: str) -> None:
        """InvalidArgumentError for a group that nobody of the tenant could be in."""
        if tenant == DEFAULT_TENANT or group == EVERYBODY_SIGNED_IN:
            return
        prefixes = [provider.groups_prefix for provider in self._of(tenant)]
        if not group.startswith(tuple(prefixes)):
            wanted = " or ".join(f'"{prefix}"' for prefix in dict.fromkeys(prefixes)) or "nothing: there is none"
            raise InvalidArgumentError.of(
                field, f'no identity provider of tenant "{tenant}" gives the group "{group}"; want one that begins with {wanted}'
            )

    def check_issuer(self, field: str, issuer: str, tenant: str) -> None:
        """InvalidArgumentError for an issuer whose people are of other tenants."""
        issuers = [provider.issuer for provider in self._of(tenant)]
        if tenant != DEFAULT_TENANT and issuer not in issuers:
            wanted = " or ".join(issuers) or "none: there is none"
            raise InvalidArgumentError.of(field, f'"{issuer}" is no identity provider of tenant "{tenant}"; want {wanted}')

    def _of(self, tenant: str) -> list[Provider]:
        return [provider for provider in self.providers if tenant in provider.tenants]
