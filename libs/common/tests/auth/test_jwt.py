"""Signing keys: fetched when needed, again for an unknown id, and not in a storm."""

from __future__ import annotations

import asyncio
from json import loads

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from maas_common.auth.jwt import JWKS_LIFETIME_S, JWKS_RETRY_S, TokenVerifier
from maas_common.errors import UnauthenticatedError, UnavailableError
from maas_common.testing import FakeClock

ISSUER = "https://issuer.example"


class World:
    """An issuer without a network: what it publishes, and how often it was asked."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.private = {"one": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.published = ["one"]
        self.fetches = 0
        self.down = False
        self.named_issuer = ISSUER
        self.verifier = TokenVerifier(
            issuer=ISSUER,
            audience="maas",
            groups_claim="groups",
            username_claim="preferred_username",
            clock=self.clock,
            fetch=self.fetch,
        )

    def fetch(self, url):
        self.fetches += 1
        if self.down:
            raise OSError("refused")
        if url.endswith("/.well-known/openid-configuration"):
            return {"issuer": self.named_issuer, "jwks_uri": ISSUER + "/jwks"}
        return {"keys": [loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private[k].public_key())) | {"kid": k} for k in self.published]}

    def token(self, kid="one", *, key=None, algorithm="RS256", **claims):
        now = self.clock.now()
        defaults = {"iss": ISSUER, "aud": "maas", "sub": "s-1", "exp": now + 60}
        return jwt.encode(defaults | claims, key or self.private[kid], algorithm=algorithm, headers={"kid": kid})

    def verify(self, token):
        return asyncio.run(self.verifier.authenticate(token))


@pytest.fixture
def world():
    return World()


def test_identity_is_issuer_and_subject_and_the_rest_comes_with_the_token(world):
    person = world.verify(world.token(preferred_username="ann", email="ann@example.org", groups=["a", "x"], iat=world.clock.now() - 5))
    assert (person.user, person.username, person.email) == (f"{ISSUER}|s-1", "ann", "ann@example.org")
    assert (person.tenant, person.groups, person.roles) == ("default", ("a", "x", "system:authenticated"), frozenset())
    assert person.issued_at == world.clock.now() - 5


def test_keys_are_fetched_once_and_again_after_their_lifetime(world):
    for _ in range(3):
        world.verify(world.token())
    assert world.fetches == 2
    world.clock.advance(JWKS_LIFETIME_S)
    world.verify(world.token())
    assert world.fetches == 4


def test_a_new_signing_key_is_picked_up_but_unknown_ids_cause_no_storm(world):
    world.verify(world.token())
    world.private["two"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    world.published = ["two"]
    world.clock.advance(JWKS_RETRY_S)
    world.verify(world.token("two"))
    asked = world.fetches
    for _ in range(5):
        with pytest.raises(UnauthenticatedError):
            world.verify(world.token("three", key=world.private["two"]))
    assert world.fetches == asked


def test_known_keys_outlast_an_issuer_that_is_down(world):
    world.verify(world.token())
    world.down = True
    world.clock.advance(JWKS_LIFETIME_S)
    assert world.verify(world.token()).subject == "s-1"


def test_an_issuer_that_was_never_reached_is_unavailable_not_a_wrong_token(world):
    world.down = True
    with pytest.raises(UnavailableError, match="issuer"):
        world.verify(world.token())
    world.down = False
    assert world.verify(world.token()).subject == "s-1"


def test_a_discovery_document_of_somebody_else_is_not_believed(world):
    world.named_issuer = "https://other.example"
    with pytest.raises(UnavailableError):
        world.verify(world.token())


@pytest.mark.parametrize("subject", ["a", "a|b:c+d", "änn \U0001f600", "x" * 255])
def test_subjects_are_taken_as_they_are(world, subject):
    assert world.verify(world.token(sub=subject)).user == f"{ISSUER}|{subject}"


@pytest.mark.parametrize("subject", ["", "x" * 256, "a\0b", "a\nb", "a\x1eb", "a\x1fb", "a\x7fb", "a\x85b", "a\ud800b"])
def test_subjects_that_could_not_be_told_from_others_are_refused(world, subject):
    with pytest.raises(UnauthenticatedError):
        world.verify(world.token(sub=subject))


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_symmetric_and_unsigned_tokens_are_refused(world, algorithm):
    key = "k" * 64 if algorithm == "HS256" else ""
    token = jwt.encode({"iss": ISSUER, "aud": "maas", "sub": "s", "exp": world.clock.now() + 60}, key, algorithm, headers={"kid": "one"})
    with pytest.raises(UnauthenticatedError):
        world.verify(token)


def test_a_token_lives_until_its_end_and_a_little_skew(world):
    token = world.token()
    world.clock.advance(60 + 29)
    world.verify(token)
    world.clock.advance(1)
    with pytest.raises(UnauthenticatedError):
        world.verify(token)
