from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from maas_local.issuer.http import issuer_server
from maas_local.issuer.tokens import Account, PasswordGrant, SigningKey
from maas_local.management import sign_in
from maas_local.people import Person

NOW = 1_800_000_000
ISSUER = "http://issuer.test"
PASSWORD = "correct horse"
ALICE = Person(name="alice", email="alice@example.org", groups=("premium-users",))


class Noon:
    def now(self) -> float:
        return NOW + 0.9


def pem(key) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.fixture(scope="module")
def signing_key() -> SigningKey:
    return SigningKey(pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))


@pytest.fixture
def url(signing_key) -> Iterator[str]:
    grant = PasswordGrant(issuer=ISSUER, key=signing_key, accounts={"alice": Account.of(ALICE, PASSWORD)}, clock=Noon())
    with issuer_server(0, ISSUER, signing_key, grant) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def form(**changes) -> dict[str, str]:
    whole = {"grant_type": "password", "client_id": "maas", "username": "alice", "password": PASSWORD} | changes
    return {name: value for name, value in whole.items() if value is not None}


def test_a_token_verifies_against_the_published_keys_and_says_who_it_is(url):
    token = sign_in(url, "alice", PASSWORD)

    keys = jwt.PyJWKSet.from_dict(httpx.get(f"{url}/.well-known/jwks.json").json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token, key, algorithms=["RS256"], audience="maas", issuer=ISSUER, options={"verify_exp": False, "verify_iat": False}
    )
    del claims["jti"]
    assert claims == {
        "iss": ISSUER,
        "sub": "alice",
        "aud": "maas",
        "iat": NOW,
        "exp": NOW + 3600,
        "preferred_username": "alice",
        "email": "alice@example.org",
        "groups": ["premium-users"],
    }


def test_no_two_tokens_are_the_same(url):
    assert sign_in(url, "alice", PASSWORD) != sign_in(url, "alice", PASSWORD)


def test_a_token_of_another_key_does_not_verify(url):
    other = SigningKey(pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    forged = other.sign({"iss": ISSUER, "aud": "maas", "sub": "alice"})
    (published,) = jwt.PyJWKSet.from_dict(httpx.get(f"{url}/.well-known/jwks.json").json()).keys
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(forged, published, algorithms=["RS256"], audience="maas")


def test_discovery_names_the_issuer_and_where_things_are(url):
    found = httpx.get(f"{url}/.well-known/openid-configuration").json()
    assert found["issuer"] == ISSUER
    assert found["token_endpoint"] == f"{ISSUER}/token"
    assert found["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert found["grant_types_supported"] == ["password"]


def test_nothing_of_the_private_key_is_published(url):
    (key,) = httpx.get(f"{url}/.well-known/jwks.json").json()["keys"]
    assert set(key) <= {"kty", "n", "e", "kid", "use", "alg", "key_ops"}


def test_an_answer_with_a_token_may_not_be_kept(url):
    answer = httpx.post(f"{url}/token", data=form())
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() | {"access_token": ""} == {"access_token": "", "token_type": "Bearer", "expires_in": 3600}


def test_a_wrong_password_and_an_unknown_user_read_the_same(url):
    wrong = httpx.post(f"{url}/token", data=form(password="battery staple"))
    unknown = httpx.post(f"{url}/token", data=form(username="mallory"))
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.json() == unknown.json() == {"error": "invalid_grant", "error_description": "the user name or the password is wrong"}


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"client_id": None}, 400, "invalid_request"),
        ({"username": None}, 400, "invalid_request"),
        ({"password": ""}, 400, "invalid_request"),
    ],
)
def test_refusals_are_those_of_oauth(url, changes, status, error):
    answer = httpx.post(f"{url}/token", data=form(**changes))
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_field_given_twice_is_refused(url):
    answer = httpx.post(f"{url}/token", data=form() | {"username": ["alice", "admin"]})
    assert answer.json() == {"error": "invalid_request", "error_description": "given more than once: username"}


def test_a_body_that_is_no_form_is_refused(url):
    assert httpx.post(f"{url}/token", json=form()).json()["error"] == "invalid_request"
    answer = httpx.post(f"{url}/token", content="x", headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.json() == {"error": "invalid_request", "error_description": "the body is not a form"}


def test_a_body_that_is_too_long_is_refused_unread(url):
    assert httpx.post(f"{url}/token", data=form(password="x" * 10_000)).status_code == 413


def test_a_body_of_unknown_length_is_refused(url):
    assert httpx.post(f"{url}/token", content=iter([b"a"])).status_code == 411


def test_what_is_not_there_is_404_and_the_wrong_method_405(url):
    assert httpx.get(f"{url}/admin").status_code == 404
    assert httpx.post(f"{url}/admin", data=form()).status_code == 404
    answer = httpx.get(f"{url}/token")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_one_connection_serves_several_requests(url):
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    for _ in range(2):
        connection.request("POST", "/token", urlencode(form()), {"content-type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
    connection.close()


def test_a_client_that_says_nothing_keeps_nobody_waiting(url):
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))):
        assert sign_in(url, "alice", PASSWORD)


def test_no_secret_is_logged(url, capfd):
    token = sign_in(url, "alice", PASSWORD)
    httpx.post(f"{url}/token?password={PASSWORD}", data=form(password="battery staple"))
    httpx.request("X" * 10 + PASSWORD.replace(" ", ""), url)
    logged = "".join(capfd.readouterr())
    assert "POST /token 200" in logged
    assert not any(secret in logged for secret in (PASSWORD, "correct", "battery", token))


def test_signing_in_with_a_wrong_password_says_so(url):
    with pytest.raises(PermissionError, match="does not let alice sign in: the user name or the password is wrong"):
        sign_in(url, "alice", "battery staple")


def test_a_key_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="not an RSA key"):
        SigningKey(pem(ec.generate_private_key(ec.SECP256R1())))
