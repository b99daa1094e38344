"""Admissions are put together from pieces: whatever is in them, Envoy reads what was meant."""

from __future__ import annotations

from envoy.service.auth.v3 import external_auth_pb2
from hypothesis import example, given
from hypothesis import strategies as st
from maas_authz.core.body import Body
from maas_authz.core.catalogue import Model, Tier, Upstream
from maas_authz.core.decision import Admitted
from maas_authz.core.keys import Caller
from maas_authz.core.target import Endpoint, Inference
from maas_authz.servicers.answers import admission

words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=300)


bodies = st.builds(Body, model=st.none() | words, size=st.just("12"), max_out=st.just("7"), add_usage=st.booleans())


@given(words, words, words, st.sampled_from(["", "?a=b"]), bodies)
@example("u" * 20_000, "p" * 20_000, "n", "", Body(None, "12", "7", add_usage=False))
def test_an_admission_reads_as_it_was_meant(user, plan, name, query, body):
    upstream = Upstream("h:1", "/v1")
    model = Model("m", name, upstream, is_published=True, tiers=None, price="1/2/3")
    tier = Tier("t", 1, ("g",), (), plan)
    target = Inference(Endpoint("/completions"), None, query)
    admitted = Admitted(Caller("default", user, ("g",), "k", team="physics"), tier, "g", plan, model, upstream, target, body)
    for _ in range(2):  # from nothing, and from pieces that are there
        response = external_auth_pb2.CheckResponse.FromString(admission(admitted))
        told = {name: value.string_value for name, value in response.dynamic_metadata.fields.items()}
        assert len(told.pop("rid")) == 32
        expected = {"decided": "1", "tenant": "default", "key": "k", "user": user, "team": "physics", "tier": "t", "group": "g"}
        expected |= {"model": "m", "plan": plan, "price": "1/2/3", "bytes": "12", "max_out": "7"}
        expected |= {"set_model": name} if body.model not in {None, name} else {}
        expected |= {"add_usage": "1"} if body.add_usage else {}
        assert told == expected
        assert response.ok_response.headers[0].header.value == "/v1/completions" + query


def test_no_two_admissions_have_the_same_request_id():
    upstream = Upstream("h:1", "/v1")
    model, tier = Model("m", "m", upstream, is_published=True, tiers=None), Tier("t", 1, ("g",), (), "1")
    admitted = Admitted(
        Caller("d", "u", ("g",)), tier, "g", "1", model, upstream, Inference(Endpoint("/x"), None, ""), Body("m", "1", "-", add_usage=False)
    )
    rids = {external_auth_pb2.CheckResponse.FromString(admission(admitted)).dynamic_metadata["rid"] for _ in range(100)}
    assert len(rids) == 100
