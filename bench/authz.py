"""What Check costs: calls a second and CPU µs a call, of the real service on both engines.

    .venv/bin/python bench/authz.py

The real keys and registry run beside it, with one model, a tier of four limits and two keys made through their own APIs: one that says
nothing of itself, and one with four limits and a budget of its own, a scope, networks and the tier that it is bound to. authz forgets
nothing while it runs, so each key is looked up once: what is measured is the decision. The request is what Envoy sends for a chat
completion: two dozen headers, and the facts of a body.
"""

from __future__ import annotations

import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path

import grpc
import h2load
import processes
from envoy.service.auth.v3 import external_auth_pb2
from maas.keys.v1 import api_keys_pb2, api_keys_pb2_grpc
from maas.registry.v1 import models_pb2, models_pb2_grpc, tiers_pb2, tiers_pb2_grpc
from maas_common.apikey import ALPHABET, key_id_of, mint
from maas_common.testing import Issuer, issuer

_PATH = "/envoy.service.auth.v3.Authorization/Check"
_LIMITS = [{"metric": metric, "amount": 10**9, "window": window} for metric in ("requests", "total_tokens") for window in ("1m", "1d")]
_CLIENT = "203.0.113.7"
_HEADERS = {
    ":authority": "gateway.example.org",
    ":method": "POST",
    ":path": "/v1/chat/completions",
    ":scheme": "https",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "content-length": "412",
    "content-type": "application/json",
    "user-agent": "OpenAI/Python 3.1.0",
    "x-forwarded-for": _CLIENT,
    "x-forwarded-proto": "https",
    "x-request-id": "6f9c2f7e-3d7b-4f6c-9a53-2d5c0e1b8a44",
    **{
        f"x-stainless-{name}": "unknown" for name in ("arch", "async", "lang", "os", "package-version", "retry-count", "runtime", "timeout")
    },
}


def main() -> None:
    if not h2load.is_installed():
        print(h2load.MISSING)
    print(f"{'engine':8} {'call':32} {'sent by':8} {'calls':>8} {'calls/s':>9} {'CPU µs/call':>12}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        people = stack.enter_context(issuer())
        secret = processes.write_secrets(folder)
        registry = stack.enter_context(processes.service("registry", folder, people, ALLOWED_ENDPOINT_RANGES='["127.0.0.0/8"]'))
        keys = stack.enter_context(processes.service("keys", folder, people, REGISTRY_ADDRESS=registry.address))
        plain, full = _seed(keys, registry, people)
        for engine in ("native", "grpcio"):
            addresses = {"KEYS_ADDRESS": keys.address, "REGISTRY_ADDRESS": registry.address}
            with processes.service("authz", folder, people, ENGINE=engine, **addresses) as authz:
                _measure(engine, h2load.Method(authz.port, _PATH, (("x-maas-workload", secret),), authz.pid), plain, full)


def _measure(engine: str, method: h2load.Method, key: str, full: str) -> None:
    for name, request, status in (
        ("admitted, key remembered", _request(key, "POST", "/v1/chat/completions"), 200),
        ("admitted, key that says it all", _request(full, "POST", "/v1/chat/completions"), 200),
        ("model list, key remembered", _request(key, "GET", "/v1/models"), 200),
        ("refused: no such model (404)", _request(key, "POST", "/llm/none/v1/chat/completions"), 404),
        ("refused: wrong secret (401)", _request(_with_another_secret(key), "POST", "/v1/chat/completions"), 401),
        ("refused: junk for a key (401)", _request("sk-maas-junk", "POST", "/v1/chat/completions"), 401),
    ):
        _expect(h2load.call(method, request), status)
        figures = h2load.measure(method, request)
        told = f"{figures.driver:8} {figures.calls:8d} {figures.calls_per_s:9,.0f} {figures.cpu_us_per_call:12.1f}"
        print(f"{engine:8} {name:32} {told}", flush=True)


def _request(key: str, method: str, path: str) -> bytes:
    request = external_auth_pb2.CheckRequest()
    attributes = request.attributes
    attributes.source.address.socket_address.address = _CLIENT
    attributes.destination.address.socket_address.address = "10.0.0.5"
    http = attributes.request.http
    http.id, http.method, http.path, http.host, http.protocol = "12345678901234567890", method, path, "gateway.example.org", "HTTP/2"
    http.headers.update(_HEADERS | {"authorization": f"Bearer {key}"})
    if method == "POST":
        facts = {"bytes": "412", "model": "small", "stream": "true", "max_tokens": "256"}
        for name, value in facts.items():
            attributes.metadata_context.filter_metadata["maas.request"].fields[name].string_value = value
    serialized: bytes = request.SerializeToString()
    return serialized


def _with_another_secret(key: str) -> str:
    """A well-formed key of the same id: it has to be hashed to be refused."""
    number = 0
    for character in key_id_of(key) or "":
        number = number * len(ALPHABET) + ALPHABET.index(character)
    parts = iter((number.to_bytes(16), secrets.token_bytes(32)))
    return mint(random_bytes=lambda _size: next(parts)).text


def _expect(answer: bytes, status: int) -> None:
    """What is measured must be what is meant."""
    response = external_auth_pb2.CheckResponse.FromString(answer)
    got = 200 if response.HasField("ok_response") else response.denied_response.status.code
    if got != status:
        raise RuntimeError(f"answered {got}, not {status}: {response}")


def _seed(keys: processes.Running, registry: processes.Running, people: Issuer) -> tuple[str, str]:
    """A tier, a model, and two keys of somebody who has them; returns the keys."""
    with grpc.insecure_channel(registry.address) as channel:
        tier = tiers_pb2.CreateTierRequest(name="gold", groups=["system:authenticated"], limits=_LIMITS)
        tiers_pb2_grpc.TiersServiceStub(channel).CreateTier(tier, metadata=people.admin())
        model = models_pb2.CreateModelRequest(id="small", url="http://127.0.0.1:8090/v1", upstream_name="Small-135M", published_to="all")
        models_pb2_grpc.ModelsServiceStub(channel).CreateModel(model, metadata=people.admin())
    full = api_keys_pb2.CreateApiKeyRequest(
        name="full",
        limits=_LIMITS,
        budget={"amount": 10**15, "period": "month"},
        scope={"models": ["small"]},
        allowed_ips=["10.0.0.0/8", f"{_CLIENT}/32"],
        subscription="gold",
    )
    with grpc.insecure_channel(keys.address) as channel:
        create = api_keys_pb2_grpc.ApiKeysServiceStub(channel).CreateApiKey
        plain = api_keys_pb2.CreateApiKeyRequest(name="plain")
        return create(plain, metadata=people.bearer("alice")).key, create(full, metadata=people.bearer("alice")).key


if __name__ == "__main__":
    main()
