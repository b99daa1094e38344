"""Tokens of one issuer: what is believed, and signing keys fetched when needed, again for an unknown id, and not in a storm."""

from __future__ import annotations

import asyncio
import base64
from json import loads

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from maas_common.auth.jwks import FIRST_RETRY_S, JWKS_LIFETIME_S, JWKS_RETRY_S
from maas_common.auth.jwt import TokenVerifier
from maas_common.auth.providers import IdentityProvider
from maas_common.errors import UnauthenticatedError, UnavailableError
from maas_common.testing import FakeClock

ISSUER = "https://issuer.example"


def public(private):
    kinds = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    algorithm = next(algorithm for kind, algorithm in kinds.items() if isinstance(private, kind))
    return loads(algorithm.to_jwk(private.public_key()))


class World:
    """An issuer without a network: what it publishes, and how often it was asked."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.private = {"one": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.published = ["one"]
        self.fetches = 0
        self.also_published = []
        self.down = False
        self.named_issuer = ISSUER
        self.jwks_uri = ISSUER + "/jwks"
        self.verifier = self.verifier_of()

    def verifier_of(self, **fields):
        provider = IdentityProvider(**({"name": "oidc", "issuer": ISSUER, "groups_prefix": ""} | fields))
        return TokenVerifier(provider, self.clock, self.fetch)

    def fetch(self, url):
        self.fetches += 1
        if self.down:
            raise OSError("refused")
        if url.endswith("/.well-known/openid-configuration"):
            return {"issuer": self.named_issuer, "jwks_uri": self.jwks_uri}
        return {"keys": [*self.also_published, *(public(self.private[k]) | {"kid": k} for k in self.published)]}

    def token(self, kid="one", *, key=None, algorithm="RS256", **claims):
        now = self.clock.now()
        defaults = {"iss": ISSUER, "aud": "maas", "sub": "s-1", "exp": now + 60}
        return jwt.encode(defaults | claims, key or self.private[kid], algorithm=algorithm, headers={"kid": kid})

    def verify(self, token):
        return asyncio.run(self.verifier.authenticate(token))


@pytest.fixture
def world():
    return World()


def refused(world, token):
    with pytest.raises(UnauthenticatedError) as caught:
        world.verify(token)
    assert caught.value.message == "Invalid or expired token"


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
    with pytest.raises(UnavailableError, match="issuer"):  # not asked for each of a flood of tokens
        world.verify(world.token())
    assert world.fetches == 1
    world.clock.advance(FIRST_RETRY_S)
    assert world.verify(world.token()).subject == "s-1"


def test_a_discovery_document_of_somebody_else_is_not_believed(world):
    world.named_issuer = "https://other.example"
    with pytest.raises(UnavailableError):
        world.verify(world.token())


def test_keys_are_not_fetched_in_the_clear_when_the_issuer_is_not(world):
    world.jwks_uri = "http://issuer.example/jwks"
    with pytest.raises(UnavailableError):
        world.verify(world.token())


@pytest.mark.parametrize("subject", ["a", "a|b:c+d", "änn \U0001f600", "x" * 255])
def test_subjects_are_taken_as_they_are(world, subject):
    assert world.verify(world.token(sub=subject)).user == f"{ISSUER}|{subject}"


@pytest.mark.parametrize("subject", ["", "x" * 256, "a\0b", "a\nb", "a\x1eb", "a\x1fb", "a\x7fb", "a\x85b", "a\ud800b"])
def test_subjects_that_could_not_be_told_from_others_are_refused(world, subject):
    refused(world, world.token(sub=subject))


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS512"),
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), "PS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
    ids=["RS512", "PS256", "ES256", "ES384", "EdDSA"],
)
def test_every_pinned_kind_of_key_signs_and_one_that_names_its_algorithm_signs_by_no_other(world, private, algorithm):
    world.private["one"] = private
    token = world.token(algorithm=algorithm)
    assert world.verify(token).subject == "s-1"
    world.also_published, world.published = [public(private) | {"kid": "one", "alg": "RS256"}], []
    world.clock.advance(JWKS_LIFETIME_S)
    refused(world, token)


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_symmetric_and_unsigned_tokens_are_refused(world, algorithm):
    key = "k" * 64 if algorithm == "HS256" else ""
    token = jwt.encode({"iss": ISSUER, "aud": "maas", "sub": "s", "exp": world.clock.now() + 60}, key, algorithm, headers={"kid": "one"})
    refused(world, token)


def test_a_published_secret_signs_nothing(world):
    world.also_published = [{"kty": "oct", "k": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s", "kid": "secret"}]
    refused(world, world.token("secret", key="k" * 32, algorithm="HS256"))
    refused(world, world.token("secret", key=world.private["one"]))


def test_a_token_lives_until_its_end_and_a_little_skew(world):
    token = world.token()
    world.clock.advance(60 + 29)
    world.verify(token)
    world.clock.advance(1)
    refused(world, token)


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_of_the_future_is_refused_past_a_little_skew(world, claim):
    now = world.clock.now()
    world.verify(world.token(**{claim: now + 30}))
    refused(world, world.token(**{claim: now + 31}))


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1900000000", True, float("nan"), float("inf"), [], None])
def test_times_that_are_no_numbers_are_refused(world, claim, value):
    refused(world, world.token(**{claim: value}))


@pytest.mark.parametrize("claims", [{"aud": "others"}, {"aud": ["others"]}, {"iss": ISSUER + "/"}, {"sub": 5}])
def test_tokens_for_others_and_by_others_are_refused(world, claims):
    refused(world, world.token(**claims))


@pytest.mark.parametrize("claim", ["exp", "iss", "aud", "sub"])
def test_a_token_without_one_of_the_claims_that_say_whose_it_is_and_for_whom_is_refused(world, claim):
    claims = jwt.decode(world.token(), options={"verify_signature": False})
    del claims[claim]
    refused(world, jwt.encode(claims, world.private["one"], "RS256", headers={"kid": "one"}))


def test_without_iat_the_issuer_vouched_when_the_token_came(world):
    assert world.verify(world.token()).issued_at == world.clock.now()


def test_any_of_several_audiences_will_do(world):
    world.verifier = world.verifier_of(audiences=["maas", "cli"])
    for audience in ("maas", "cli", ["others", "cli"]):
        assert world.verify(world.token(aud=audience)).subject == "s-1"
    refused(world, world.token(aud="others"))


@pytest.mark.parametrize("token", ["", "a.b.c", "....", "{}", "[" * 20_000, "ä.ö.ü"])
def test_what_is_no_token_is_refused(world, token):
    refused(world, token)


def test_an_abyss_in_a_token_is_refused(world):
    abyss = base64.urlsafe_b64encode(b"[" * 9_000).decode()
    refused(world, f"{abyss}.e30.e30")
    head, _, signature = world.token().split(".")
    refused(world, f"{head}.{abyss}.{signature}")
