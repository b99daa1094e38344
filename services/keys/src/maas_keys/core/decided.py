"""All that a decision about a key needs."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.limits import Limit

from maas_keys.core.api_key import ApiKey
from maas_keys.core.budget import Budget


@dataclass(frozen=True, slots=True)
class KeyInContext:
    """A key with what its team and its tenant say, read in one snapshot."""

    key: ApiKey
    team_limits: tuple[Limit, ...]
    team_budget: Budget | None
    tenant_limits: tuple[Limit, ...]
