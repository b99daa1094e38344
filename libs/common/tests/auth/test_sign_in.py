"""Several who vouch for people, side by side, as settings name them."""

from __future__ import annotations

import asyncio
import base64
from json import dumps, loads

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from maas_common.auth.settings import SignInSettings
from maas_common.clock import SystemClock
from maas_common.errors import UnauthenticatedError, UnavailableError
from maas_common.testing import Issuer, issuer


@pytest.fixture(scope="module")
def issuers():
    with issuer() as first, issuer() as second, issuer() as stranger:
        yield first, second, stranger


def whose(settings, *tokens):
    async def main():
        authenticator = settings.authenticator(SystemClock())
        return [await authenticator.authenticate(token) for token in tokens]

    return asyncio.run(main())


def refused(settings, token):
    with pytest.raises(UnauthenticatedError) as caught:
        whose(settings, token)
    assert caught.value.message == "Invalid or expired token"


def settings_of(tmp_path, providers, **fields):
    file = tmp_path / "providers.yaml"
    file.write_text(dumps(providers))
    return SignInSettings(identity_providers_file=file, **fields)


def test_each_token_is_checked_by_the_issuer_that_it_names(tmp_path, issuers):
    first, second, stranger = issuers
    settings = settings_of(tmp_path, [{"name": "partner", "issuer": second.url, "tenant": "acme"}], oidc_issuer=first.url)
    ann, bob = whose(settings, first.token("ann", groups=("maas-admins",)), second.token("ann", groups=("maas-admins",)))
    assert (ann.user, ann.tenant, ann.groups) == (f"{first.url}|ann", "default", ("maas-admins", "system:authenticated"))
    assert (bob.user, bob.tenant, bob.groups) == (f"{second.url}|ann", "acme", ("partner:maas-admins", "system:authenticated"))
    refused(settings, stranger.token("ann"))
    refused(settings, stranger.token("ann", iss=first.url))
    refused(settings, second.token("ann", iss=first.url))


def test_an_issuer_with_an_authority_of_its_own_is_reached_by_that(tmp_path, serving, certificate):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "test"}

    def answer(asked):
        at = f"https://{asked.headers['Host']}"
        return 200, {"issuer": at, "jwks_uri": f"{at}/jwks"} if asked.path.startswith("/.well-known") else {"keys": [jwk]}

    with serving(answer) as url:
        token = Issuer(url, key).token("ann")
        (ann,) = whose(settings_of(tmp_path, [{"name": "corp", "issuer": url, "ca_file": str(certificate[0])}]), token)
        assert ann.user == f"{url}|ann"
        with pytest.raises(UnavailableError):
            whose(settings_of(tmp_path, [{"name": "corp", "issuer": url}]), token)


def test_with_nobody_configured_nobody_signs_in(issuers):
    for token in (
        issuers[0].token("ann"),
        "junk",
        "",
        jwt.encode({"iss": ""}, "k" * 32),
        f"e30.{base64.b64encode(b'[' * 9000).decode()}.e30",
    ):
        refused(SignInSettings(), token)


def test_the_log_names_an_issuer_that_is_nearly_one_of_ours(tmp_path, issuers, capsys):
    refused(settings_of(tmp_path, [{"name": "partner", "issuer": issuers[0].url}]), issuers[0].token("ann", iss=issuers[0].url + "/"))
    said = capsys.readouterr().out
    assert "its issuer is no identity provider here" in said
    assert f"issuer={issuers[0].url}/ known=['{issuers[0].url}']" in said


def test_an_issuer_that_is_configured_twice_is_refused_at_the_start(tmp_path, issuers):
    settings = settings_of(tmp_path, [{"name": "partner", "issuer": issuers[0].url}], oidc_issuer=issuers[0].url)
    with pytest.raises(ValueError, match="is there twice"):
        whose(settings)


def test_tokens_of_no_known_issuer_are_the_clusters_to_tell(tmp_path, issuers, serving, certificate):
    first, _, stranger = issuers
    reviewed = []

    def review(asked):
        reviewed.append(asked.document["spec"])
        return 201, {"status": {"authenticated": True, "user": {"username": "robot", "groups": ["system:masters"]}, "audiences": ["maas"]}}

    (tmp_path / "token").write_text("ours")
    with serving(review) as url:
        settings = SignInSettings(
            oidc_issuer=first.url,
            kubernetes_api_url=url,
            kubernetes_token_file=tmp_path / "token",
            kubernetes_ca_file=certificate[0],
        )
        token = stranger.token("x")
        ann, robot, _ = whose(settings, first.token("ann"), token, "opaque")
        refused(settings, first.token("ann", exp=1))
    assert (ann.issuer, robot.user) == (first.url, "kubernetes|robot")
    assert robot.groups == ("kubernetes:system:masters", "system:authenticated")
    assert reviewed == [{"token": token, "audiences": ["maas"]}, {"token": "opaque", "audiences": ["maas"]}]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"oidc_issuer": "login.example.org"}, "oidc_issuer"),
        ({"kubernetes_api_url": "http://10.0.0.1"}, "kubernetes_api_url"),
        ({"kubernetes_tenant": "No Name"}, "kubernetes_tenant"),
    ],
)
def test_settings_that_can_not_be_meant_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        SignInSettings(**fields)
