"""Who may use which model, and why: by their groups, whatever keys they hold."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.auth.principal import EVERYBODY_SIGNED_IN

from maas_authz.core.catalogue import Catalogue, Model


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody known: `user` is `<issuer>|<subject>`."""

    user: str
    username: str
    groups: tuple[str, ...]

    def is_called(self, name: str) -> bool:
        """Whether somebody means them by that."""
        return name in {self.user, self.username}


@dataclass(frozen=True, slots=True)
class Access:
    """Whether somebody may use a model: `tier` and `group` are empty for who has none."""

    person: Person
    model: str
    allowed: bool
    tier: str
    group: str
    reason: str


def access_of(person: Person, model: Model, catalogue: Catalogue) -> Access:
    """Whether they may use it, as decisions go."""
    found = catalogue.tier_of(dict.fromkeys((*person.groups, EVERYBODY_SIGNED_IN)))
    tier, group = (found[0].name, found[1]) if found else ("", "")
    if not model.is_published:
        allowed, reason = False, "published to nobody"
    elif found is None:
        allowed, reason = False, "none of their groups has a tier"
    elif model.tiers is None:
        allowed, reason = True, f'published to all tiers; group "{group}" gives tier "{tier}"'
    elif tier in model.tiers:
        allowed, reason = True, f'published to tier "{tier}", which group "{group}" gives'
    else:
        allowed, reason = False, f'published to {_listed(model.tiers)}; group "{group}" gives tier "{tier}"'
    return Access(person, model.id, allowed, tier, group, reason)


def _listed(tiers: frozenset[str]) -> str:
    quoted = [f'"{name}"' for name in sorted(tiers)]
    return f"tier{'s' * (len(quoted) > 1)} {', '.join(quoted)}" if quoted else "no tier"
