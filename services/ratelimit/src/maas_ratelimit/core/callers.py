"""Who asks for what, with all that can be worked out before a request comes: most requests are by somebody who was here before."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter

from maas_common.errors import InvalidArgumentError
from maas_common.plan import PlanError

from maas_ratelimit.core.counting import Account
from maas_ratelimit.core.events import SEPARATOR, UNKNOWN, record
from maas_ratelimit.core.plans import NONE, Plans
from maas_ratelimit.core.pricing import FREE, Price, read_price

FACTS = ("tenant", "key", "user", "team", "tier", "group", "model", "price")
"""As usage events tell them, in this order."""
ENTRIES = (*FACTS, "plan")
_FACTS = itemgetter(*FACTS)
_NEEDED = ("tenant", "user", "model", "plan")
_MISSING = {"", NONE}


class Caller:
    """The same for every request of somebody for a model. Never changes."""

    __slots__ = ("account", "expired_record", "facts", "key", "model", "price", "refusal", "team", "tier", "user")

    def __init__(self, entries: Mapping[str, str], plans: Plans) -> None:
        """`entries` of a descriptor; it says "" for what is not in it, as protobuf maps do."""
        facts = [value or NONE for value in _FACTS(entries)]
        tenant, self.key, self.user, self.team, self.tier, _, self.model, price = facts
        self.facts = record(facts, ())
        """The first part of a usage event's record."""
        self.expired_record = self.facts + f"{SEPARATOR}{UNKNOWN}" * 6
        self.account: Account | None = None
        """Whose counters; None when that can't be read."""
        self.price: Price = FREE
        self.refusal: InvalidArgumentError | None = None
        """Why no request of theirs can be admitted."""
        missing = [name for name in _NEEDED if entries[name] in _MISSING]
        if missing:
            self.refusal = InvalidArgumentError(f'descriptor entry "{missing[0]}" is missing')
        try:
            self.price = read_price(price)
        except InvalidArgumentError as error:
            self.refusal = error
        try:
            plan = plans.get(entries["plan"])
        except PlanError as error:
            self.refusal = self.refusal or InvalidArgumentError(f'descriptor entry "plan": {error}')
        else:
            if entries["tenant"] and entries["user"]:
                self.account = Account(plan, tenant, plan.subjects(self))
