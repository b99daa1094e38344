"""Whatever a client sends: an answer, and never a way to anything but the catalogue's upstreams."""

from __future__ import annotations

import json

from envoy.service.auth.v3 import external_auth_pb2
from hypothesis import given
from hypothesis import strategies as st
from maas_authz.core.catalogue import Catalogue, Model, Tier, Upstream
from maas_authz.core.keys import Caller, KeyRecord
from maas_authz.core.refusals import INVALID_KEY
from maas_authz.servicers.check import Check
from maas_common.testing import FakeClock

UPSTREAMS = {"small": "http://10.0.0.5:8000/v1", "pro.2": "https://models.example.org/openai/v1"}
REACHABLE = {
    (f"asset.{model_id}", Upstream.parse(url).authority, Upstream.parse(url).base_path + path)
    for model_id, url in UPSTREAMS.items()
    for path in ("/chat/completions", "/completions", "/embeddings", "/responses")
}
CATALOGUE = Catalogue.compile(
    [
        *(Model(model_id, "Upstream", Upstream.parse(url), is_published=True, tiers=None) for model_id, url in UPSTREAMS.items()),
        Model("secret", "secret", Upstream.parse("http://10.9.9.9/v1"), is_published=True, tiers=frozenset({"other"})),
        Model("draft", "draft", Upstream.parse("http://10.9.9.9/v1"), is_published=False, tiers=None),
    ],
    [Tier.compile("free", 0, ["g"], [])],
)


class OneKey:
    """Knows the key "good", and nothing else."""

    def known(self, presented):
        caller = Caller("default", "i|s", ("g",), "k")
        return KeyRecord(caller, "s", "n", "active", expires_at=1, hashes=()) if presented == "good" else INVALID_KEY

    async def find(self, presented):
        raise AssertionError(presented)

    async def record(self, key_id):
        raise AssertionError(key_id)


class OneCatalogue:
    def current(self):
        return CATALOGUE


class Forgetful:
    def note(self, key_id, now):
        assert key_id == "k"


def check(method: str, path: str, headers: dict[str, str], facts: dict[str, str]) -> external_auth_pb2.CheckResponse:
    request = external_auth_pb2.CheckRequest()
    http = request.attributes.request.http
    http.method, http.path = method, path
    http.headers.update(headers)
    for name, value in facts.items():
        request.attributes.metadata_context.filter_metadata["maas.request"].fields[name].string_value = value
    answer = Check(OneKey(), OneCatalogue(), Forgetful(), FakeClock(), trusted_hops=0, log_decisions=False).handle(
        request.SerializeToString()
    )
    assert isinstance(answer, bytes)
    return external_auth_pb2.CheckResponse.FromString(answer)


SEGMENTS = ["llm", "v1", "chat", "completions", "models", "small", "pro.2", "secret", "draft", "..", ".", "", "%2e%2e", "metrics"]
PREFIXES = ["", "/llm/small", "/llm/secret", "/llm/%73mall", "/llm//small"]
ENDPOINTS = ["/chat/completions", "/completions", "/embeddings", "/responses", "/models", "//models", "/chat/completions/"]

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
segments = st.lists(st.sampled_from(SEGMENTS) | text, max_size=8)
paths = segments.map("/".join) | segments.map(lambda parts: "/" + "/".join(parts)) | text
near_misses = st.tuples(
    st.sampled_from(PREFIXES), st.just("/v1"), st.sampled_from(ENDPOINTS), st.sampled_from(["", "?", "?a=b", "#", "?a b"]) | text
).map("".join)
facts = st.dictionaries(
    st.sampled_from(["bytes", "model", "stream", "max_tokens", "n", "stream_options", "malformed", "content_type"]) | text,
    st.sampled_from(["small", "pro.2", "secret", "draft", "true", "5", '{"include_usage":true}', "[" * 5000]) | text,
    max_size=6,
)
headers = st.dictionaries(st.sampled_from(["x-maas-cluster", "x-maas-tier", ":authority", "host", "cookie"]) | text, text, max_size=4)


@given(st.sampled_from(["POST", "GET", "HEAD", "OPTIONS", "DELETE"]) | text, paths | near_misses, headers, facts)
def test_a_good_key_reaches_models_of_its_tier_and_nothing_else(method, path, more, body):
    response = check(method, path, more | {"authorization": "Bearer good"}, body)
    assert response.dynamic_metadata["decided"] == "1"
    if response.HasField("denied_response"):
        error = json.loads(response.denied_response.body)["error"]
        assert error["code"] == response.denied_response.status.code
        assert error["message"]
        return
    told = {option.header.key: option.header.value for option in response.ok_response.headers}
    if told["x-maas-cluster"] == "maas.models":
        assert method == "GET"
        assert path.startswith("/v1/models")
        assert told == {"x-maas-cluster": "maas.models", "x-maas-tenant": "default", "x-maas-tier": "free"}
        assert "rid" not in response.dynamic_metadata.fields
    else:
        assert method == "POST"
        assert (told["x-maas-cluster"], told[":authority"], told[":path"].partition("?")[0]) in REACHABLE
        assert told.keys() == {"x-maas-cluster", ":authority", ":path"}
        assert all(value.string_value for value in response.dynamic_metadata.fields.values())
        assert {"authorization", "x-api-key", "api-key"} <= set(response.ok_response.headers_to_remove)


@given(st.sampled_from(["POST", "GET"]), paths | near_misses, headers, facts)
def test_without_a_good_key_nothing_is_reached(method, path, more, body):
    response = check(method, path, more, body)
    assert response.denied_response.status.code == 401


def test_every_upstream_that_should_be_reached_can_be():
    reached = set()
    for model_id in UPSTREAMS:
        for path in ("/chat/completions", "/completions", "/embeddings", "/responses"):
            response = check("POST", f"/llm/{model_id}/v1{path}", {"api-key": "good"}, {"bytes": "2"})
            told = {option.header.key: option.header.value for option in response.ok_response.headers}
            reached.add((told["x-maas-cluster"], told[":authority"], told[":path"]))
    assert reached == REACHABLE
