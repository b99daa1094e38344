"""What the service needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from maas_keys.core.api_key import ApiKey
from maas_keys.core.caller import KeyFilter
from maas_keys.core.changes import Changes
from maas_keys.core.usage import BudgetPassed, UsageRecord


class KeyStore(Protocol):
    """Where keys live, and the log of their changes. Every method raises UnavailableError when it can't be reached."""

    async def add(self, key: ApiKey) -> ApiKey:
        """Store a new key and return it with its revision; or the one that its creator made before with that request id."""
        ...

    async def revoke(self, key_id: str, *, at: int) -> tuple[ApiKey, bool]:
        """End a key that exists; what it is then, and whether this call did it. Revoking again changes nothing."""
        ...

    async def get(self, key_id: str) -> ApiKey | None:
        """The key of that id."""
        ...

    async def page(self, keys: KeyFilter, *, before: int | None, size: int) -> Sequence[ApiKey]:
        """At most `size` keys, newest first, made before that revision; what it costs does not depend on how far back that is."""
        ...

    async def lookup(self, key_id: str) -> tuple[ApiKey | None, int]:
        """The key of that id, and the log's revision in the same snapshot."""
        ...

    async def revision(self) -> int:
        """The log's newest revision."""
        ...

    async def changes(self, after: int) -> Changes:
        """What happened after that revision."""
        ...


class UsageStore(Protocol):
    """Where raw usage is kept."""

    async def record(self, records: Sequence[UsageRecord], budgets: Sequence[BudgetPassed]) -> int:
        """Keep all of it or nothing; how many records were new. UnavailableError when it can't be reached.

        A record whose request id is known is left as it is, but one that ended takes the place of one that expired. A budget's
        threshold is kept once for each counter, subject and window.
        """
        ...
