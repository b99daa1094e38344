"""Asks for what decides whether a key may be as somebody says."""

from __future__ import annotations

from maas_common.clock import Clock

from maas_keys.core.api_key import Owner
from maas_keys.core.caller import Caller
from maas_keys.core.details import Details, Ground
from maas_keys.core.groups import shown_groups, trusted_groups
from maas_keys.core.terms import Terms
from maas_keys.ports import TenantStore, TierDirectory


class KeyGrounds:
    """Asks only what the details need, so that a registry that does not answer is in nobody else's way."""

    def __init__(self, tenants: TenantStore, tiers: TierDirectory, terms: Terms, clock: Clock) -> None:
        self.terms = terms
        self.clock = clock
        self._tenants = tenants
        self._tiers = tiers

    async def of(self, said: Details, owner: Owner, caller: Caller) -> Ground:
        """The ground for a key of that owner."""
        tenant = await self._tenants.get(caller.tenant) if said.limits and not caller.is_admin else None
        now = self.clock.now()
        groups = shown_groups(trusted_groups(owner, self.terms.groups_max_age_s, now))
        return Ground(
            terms=self.terms,
            tiers=await self._tiers.tiers_of(groups) if said.subscription else (),
            tenant_limits=tenant.default_limits if tenant else (),
            is_admin=caller.is_admin,
            now=now,
        )
