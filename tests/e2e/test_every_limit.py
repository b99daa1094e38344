"""Every kind of limit, from the REST API to the counters, through the real gateway."""

from __future__ import annotations

import pytest

LIMITS = [
    {"metric": "requests", "amount": 10, "window": "gcra 1h burst 5"},
    {"metric": "requests", "amount": 10, "window": "sliding-log 1h", "per": "key", "over": "shadow"},
    {"metric": "input_tokens", "amount": 100_000, "window": "sliding 1h", "per": "user+model"},
    {"metric": "output_tokens", "amount": 100_000, "window": "week from sunday in America/New_York", "over": "soft 20"},
    {"metric": "cost", "amount": 50_000_000, "window": "month from 31 in Europe/Berlin", "per": "team", "notify": [50, 80, 100]},
    {"metric": "concurrency", "amount": 2, "id": "at-once"},
]
PRICE = {"input": 1_000_000, "output": 2_000_000}


@pytest.fixture
def priced(world, upstream):
    """A model that costs a micro-dollar for each token of input and two for each of output."""
    world.admin("POST", "/v1/assets/models", {"id": "priced", "url": upstream.url, "publishedTo": "all", "pricing": PRICE})
    yield "priced"
    world.admin("DELETE", "/v1/assets/models/priced")


def test_every_kind_of_limit_is_counted(world, customer, priced):
    someone = customer(LIMITS)
    answer = someone.chat(priced)
    assert answer.status_code == 200, answer.text
    usage = answer.json()["usage"]
    inputs, outputs = usage["prompt_tokens"], usage["completion_tokens"]
    someone.settled()
    whose = {"user": someone.user, "key": someone.key_id, "tier": someone.tier, "model": priced}
    states = world.admin("POST", "/v1/limits/peek", {"plan": someone.explain(priced)["plan"]} | whose)["limits"]
    assert {state["id"].removeprefix(f"tier/{someone.tier}/"): (int(state["used"]), int(state["reserved"])) for state in states} == {
        "requests-gcra-1h": (1, 0),
        "requests-sliding-log-1h": (1, 0),
        "input-tokens-sliding-1h": (inputs, 0),
        "output-tokens-week-from-sunday-in-america-new-york": (outputs, 0),
        "cost-month-from-31-in-europe-berlin": (inputs + 2 * outputs, 0),
        "at-once": (0, 0),
    }
