"""What strict limits allow a model to write is put where its server looks for it; requests are read and edited by the real filters."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings"
NO_TOKENS_LEFT = "Token quota exceeded. You have consumed the maximum number of tokens allowed for your tier."
FIELDS = ["max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict"]
OWN = {CHAT: ["max_tokens", "max_completion_tokens"], COMPLETIONS: ["max_tokens"], RESPONSES: ["max_output_tokens"]}


@pytest.fixture(scope="module")
def capped(request_filter, upstream_filter):
    """A body as the model gets it when ratelimit allows it `most` tokens of output, or the answer that its sender gets instead."""

    def capped(body, most, path=CHAT, **decided):
        read = request_filter.request({"content-type": "application/json"}, body).metadata["maas.request"]
        assert "malformed" not in read
        passed = upstream_filter.request({":path": path}, body, decided, read=read, ratelimit={"max_output": str(most)})
        return passed.reply or passed.body

    return capped


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (CHAT, b'{"max_tokens" : 11 }', b'{"max_tokens" : 10 }'),
        (CHAT, b'{"max_tokens":10}', b'{"max_tokens":10}'),
        (CHAT, b'{"max_tokens":0}', b'{"max_tokens":10}'),
        (CHAT, b'{"max_tokens":999999999999999}', b'{"max_tokens":10}'),
        (CHAT, b'{"max_completion_tokens":11}', b'{"max_completion_tokens":10}'),
        (CHAT, b'{"max_completion_tokens":9,"max_tokens":11}', b'{"max_completion_tokens":9,"max_tokens":10}'),
        (CHAT, b'{"max_output_tokens":9}', b'{"max_tokens":10,"max_output_tokens":9}'),
        (CHAT, b'{"max_tokens":null}', b'{"max_tokens":10}'),
        (CHAT, b'{"max_tokens":null,"max_completion_tokens":9}', b'{"max_tokens":null,"max_completion_tokens":9}'),
        (CHAT, b'{"max_tokens":9,"n_predict":-1}', b'{"max_tokens":9,"n_predict":10}'),
        (CHAT, b'{"n_predict":5}', b'{"max_tokens":10,"n_predict":5}'),
        (CHAT, b'{"messages":[{"max_tokens":11}],"tools":{"n":5}}', b'{"max_tokens":10,"messages":[{"max_tokens":11}],"tools":{"n":5}}'),
        (CHAT, b"{}", b'{"max_tokens":10}'),
        (CHAT + "?x=/v1/embeddings", b"{}", b'{"max_tokens":10}'),
        ("/base" + CHAT, b'{"n":3}', b'{"max_tokens":3,"n":3}'),
        (CHAT, b'{"n":0}', b'{"max_tokens":10,"n":0}'),
        (CHAT, b'{"n":null}', b'{"max_tokens":10,"n":null}'),
        (CHAT, b'{"n_cmpl":5}', b'{"max_tokens":2,"n_cmpl":5}'),
        (COMPLETIONS, b'{"n":2,"best_of":5}', b'{"max_tokens":2,"n":2,"best_of":5}'),
        (COMPLETIONS, b'{"prompt":["a","b"]}', b'{"max_tokens":5,"prompt":["a","b"]}'),
        (COMPLETIONS, b'{"prompt":["a","b"],"n":5}', b'{"max_tokens":1,"prompt":["a","b"],"n":5}'),
        (COMPLETIONS, b'{"prompt":[1,2,3]}', b'{"max_tokens":10,"prompt":[1,2,3]}'),
        (COMPLETIONS, b'{"max_completion_tokens":9}', b'{"max_tokens":10,"max_completion_tokens":9}'),
        (RESPONSES, b"{}", b'{"max_output_tokens":10}'),
        (RESPONSES, b'{"max_tokens":9}', b'{"max_output_tokens":10,"max_tokens":9}'),
        (RESPONSES, b'{"max_output_tokens":11,"max_completion_tokens":12}', b'{"max_output_tokens":10,"max_completion_tokens":10}'),
        (EMBEDDINGS, b'{"max_tokens":11}', b'{"max_tokens":11}'),
    ],
)
def test_every_cap_obeys_and_one_that_the_server_obeys_is_there(capped, path, before, after):
    assert capped(before, 10, path) == after


def test_other_edits_are_made_too(capped):
    assert capped(b'{"model":"m"}', 10, set_model="up") == b'{"max_tokens":10,"model":"up"}'


@pytest.mark.parametrize(
    ("path", "body", "most"),
    [
        (CHAT, b"{}", 0),
        (CHAT, b'{"n":11}', 10),
        (CHAT, b'{"n":999999999999999}', 10),
        (COMPLETIONS, b'{"n":6,"prompt":["a","b"]}', 10),
        (CHAT, b"{}", "junk"),
    ],
)
def test_less_than_one_token_for_each_text_is_refused(capped, path, body, most):
    assert capped(body, most, path) == ("429", NO_TOKENS_LEFT)


def test_without_a_cap_from_ratelimit_nothing_is_touched(upstream_filter):
    read = {"max_tokens": "5000", "n": "3"}
    for ratelimit in (None, {}, {"status": "400"}):
        passed = upstream_filter.request(
            {":path": CHAT, "content-length": "x"}, b'{"max_tokens":5000,"n":3}', {}, read=read, ratelimit=ratelimit
        )
        assert (passed.body, passed.headers["content-length"], passed.reply) == (b'{"max_tokens":5000,"n":3}', "x", None)


def test_a_body_whose_caps_obey_already_is_not_touched(upstream_filter):
    read, ratelimit = {"max_tokens": "5"}, {"max_output": "5"}
    passed = upstream_filter.request({":path": CHAT, "content-length": "x"}, b'{"max_tokens":5}', {}, read=read, ratelimit=ratelimit)
    assert (passed.body, passed.headers["content-length"]) == (b'{"max_tokens":5}', "x")


COUNTS = st.none() | st.integers(0, 20)
ASKED = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(FIELDS[:3], COUNTS),
        "n_predict": st.none() | st.integers(-2, 20),
        **dict.fromkeys(("n", "best_of", "n_cmpl"), COUNTS),
        "prompt": st.text() | st.lists(st.text(max_size=3), max_size=4) | st.lists(st.integers(), max_size=4),
    },
)
OTHERS = st.dictionaries(st.sampled_from(["a", "messages", "seed", "tools"]), st.integers() | st.text() | ASKED)


@EXAMPLES
@given(ASKED, OTHERS, st.integers(0, 60), st.sampled_from(sorted(OWN)))
def test_whatever_a_server_goes_by_it_writes_no_more_than_is_allowed(capped, asked, others, most, path):
    body = others | asked
    told = capped(json.dumps(body).encode(), most, path)
    prompts = asked.get("prompt")
    texts = max(1, sum(not isinstance(prompt, int) for prompt in prompts)) if isinstance(prompts, list) else 1
    texts *= max(asked.get(name) or 1 for name in ("n", "best_of", "n_cmpl"))
    if texts > most:
        assert told == ("429", NO_TOKENS_LEFT)
        return
    after = json.loads(told)
    caps = {name: after[name] for name in FIELDS if after.get(name) is not None}
    assert all(0 < cap * texts <= most for cap in caps.values())
    assert any(name in caps for name in OWN[path])
    changed = {name for name in {*body, *after} if body.get(name) != after.get(name)}
    assert all((body.get(name) or 0) < 1 or after[name] < body[name] for name in changed)
    assert changed <= set(FIELDS)
