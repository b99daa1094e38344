"""Keys, callers and terms to try rules with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from maas_common.apikey import Minted, Peppers
from maas_common.auth.roles import Role, TeamRole
from maas_common.errors import InvalidArgumentError
from maas_common.limits import Limit
from maas_keys.core.api_key import ApiKey, KeyHash, Owner
from maas_keys.core.approval import Approval
from maas_keys.core.caller import Caller
from maas_keys.core.details import Ground
from maas_keys.core.lifetime import Lifetime, Lifetimes
from maas_keys.core.terms import Terms
from maas_keys.core.user import Person, User

ISSUER = "https://idp"
EVERY_CREATOR = frozenset({"admin", "model-consumer", "team-owner", "team-member"})


def lifetimes(default, longest):
    return Lifetimes(Lifetime.parse(default), Lifetime.parse(longest))


@pytest.fixture
def terms():
    """What keys are made by, but for what a test says."""

    def made(**said):
        usual = Terms(
            prefix="sk-test-",
            peppers=Peppers({"p2": b"p" * 32, "p1": b"o" * 32}),
            lifetimes=lifetimes("30d", "90d"),
            ephemeral=lifetimes("1h", "1h"),
            grace=lifetimes("24h", "7d"),
            approval=Approval(),
            playground_limits=(Limit.parse(id="requests-1m", metric="requests", amount=20, window="1m", per="key"),),
            creation_roles=EVERY_CREATOR,
            groups_max_age_s=3600,
        )
        return replace(usual, **said)

    return made


@pytest.fixture
def caller():
    """Somebody signed in, a model-consumer unless the test says otherwise."""

    def made(name="alice", *roles, teams=None, groups=("staff",)):
        person = Person("default", ISSUER, f"sub-{name}", name, f"{name}@example.org", groups, 500)
        roles = frozenset(map(Role, roles or ("model-consumer",)))
        return Caller(User(f"{name:0<12}", person, 1, 1), roles, {team: TeamRole(role) for team, role in (teams or {}).items()})

    return made


@pytest.fixture
def key(caller):
    """A key of alice's."""

    def made(**said):
        alice = caller()
        usual = ApiKey(
            id="abcdefghijkl",
            prefix="sk-test-",
            tenant="default",
            name="laptop",
            description="",
            owner=Owner(ISSUER, "sub-alice", "alice", groups=("staff",), groups_at=500),
            created_by=alice.name,
            request_id="",
            hashes=(KeyHash("p1", b"1" * 32),),
            created_at=1000,
            updated_at=1000,
            expires_at=1000 + 30 * 86_400,
            created_revision=3,
            revision=3,
        )
        return replace(usual, **said)

    return made


@pytest.fixture
def ground(terms):
    """Where details are said: by no administrator, at 1000.75, unless the test says otherwise."""

    def made(**said):
        return Ground(**{"terms": terms(), "tiers": ("premium", "free"), "tenant_limits": (), "is_admin": False, "now": 1000.75} | said)

    return made


@pytest.fixture
def minted():
    return Minted("abcdefghijkl", "sk-test-abcdefghijkl_secret")


@pytest.fixture
def wrong_fields():
    """The fields that a rule refuses."""

    def found(rule, *args, **kwargs):
        with pytest.raises(InvalidArgumentError) as caught:
            rule(*args, **kwargs)
        return [violation.field for violation in caught.value.violations]

    return found
