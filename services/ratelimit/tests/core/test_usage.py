"""What an ended request is charged, for each way in which it can end."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_ratelimit.core.estimates import ModelEstimate
from maas_ratelimit.core.events import Usage as UsageEvent
from maas_ratelimit.core.events import read_line, usage_line
from maas_ratelimit.core.usage import Usage, settlement, used

from services.ratelimit.tests.core.callers import ANN, RID, ended

RL, RLSE, DC, UC, UH, UF, UO, NR, UAEX, NC = 0x800, 0x2000, 0x4000, 0x40, 0x2, 0x20, 0x80, 0x100, 0x1000, 0x1000000
EVERY_METRIC = (
    "1;a:requests:9:1m:user;b:total_tokens:900:1m:user;c:input_tokens:900:1m:user;d:output_tokens:900:1m:user"
    ";e:cost:900:1m:user;f:concurrency:9:-:user"
)


def usage(**seen) -> Usage:
    return used(ended(**seen), ModelEstimate())


@pytest.mark.parametrize(
    ("seen", "tokens", "verdict"),
    [
        pytest.param({"total": 50, "input": 10, "output": 30}, (10, 30, 50), "measured", id="a reported total wins over the sum"),
        pytest.param({"input": 10, "output": 30}, (10, 30, 40), "measured", id="input and output are summed"),
        pytest.param({"total": 150}, (100, 50, 150), "measured", id="of a total alone the input is estimated"),
        pytest.param({"total": 50}, (50, 0, 50), "measured", id="an estimated input is no more than the total"),
        pytest.param({"total": 50, "input": 20}, (20, 30, 50), "measured", id="the output is what is left of the total"),
        pytest.param({"total": 50, "input": 60}, (60, 0, 50), "measured", id="or nothing"),
        pytest.param({"total": 50, "output": 20}, (50, 20, 50), "measured", id="a reported output is believed"),
        pytest.param({"total": 0}, (0, 0, 0), "measured", id="zero is a report too"),
        pytest.param({"total": 50, "input": 9, "output": 41, "flags": DC}, (9, 41, 50), "measured", id="reported, then the client left"),
        pytest.param({"input": 9, "output": 41, "flags": RL | RLSE}, (9, 41, 50), "measured", id="what was reported wins over every flag"),
        pytest.param({"input": 9, "output": 41, "code": 500}, (9, 41, 50), "measured", id="an error that reports usage is believed"),
        pytest.param({"flags": RL, "code": 429}, (0, 0, 0), "refused", id="refused here"),
        pytest.param({"flags": RLSE, "code": 503}, (0, 0, 0), "undelivered", id="our answer did not reach Envoy"),
        pytest.param({"code": 400}, (0, 0, 0), "nothing", id="the model refused the request"),
        pytest.param({"code": 399}, (100, 0, 100), "estimated", id="no error yet"),
        pytest.param({"code": 503, "flags": UC, "response_bytes": 95}, (0, 0, 0), "nothing", id="upstream reset before an answer"),
        *(
            pytest.param({"code": 0, "flags": DC | flag}, (0, 0, 0), "nothing", id=f"never reached the model, {flag:#x}")
            for flag in (UH, UF, UO, NR, UAEX, NC)
        ),
        pytest.param({"flags": DC, "code": 0}, (100, 0, 100), "estimated", id="client gone before an answer"),
        pytest.param({"flags": DC, "events": 7, "response_bytes": 1400}, (100, 7, 107), "estimated", id="client gone mid-stream"),
        pytest.param({"flags": UC, "events": 7, "response_bytes": 1400}, (100, 7, 107), "estimated", id="upstream gone mid-stream"),
        pytest.param({"response_bytes": 800}, (100, 200, 300), "estimated", id="a whole answer without usage"),
        pytest.param({"events": 7}, (100, 7, 107), "estimated", id="a stream without usage"),
        pytest.param({"events": 7, "max_out": 3}, (100, 3, 103), "estimated", id="no more output than was asked for"),
        pytest.param({"response_bytes": 800, "max_out": 3}, (100, 3, 103), "estimated", id="no more output than was asked for, whole"),
        pytest.param({"input": 10, "events": 7, "flags": DC}, (10, 7, 17), "estimated", id="input was reported before the client left"),
        pytest.param({"output": 30, "response_bytes": 9000}, (100, 30, 130), "estimated", id="output alone was reported"),
        pytest.param({"output": 30, "max_out": 3}, (100, 30, 130), "estimated", id="a reported output is believed past what was asked for"),
        pytest.param({"input": 10, "code": 500}, (10, 0, 10), "estimated", id="input was reported before the error"),
    ],
)
def test_an_ended_request_is_charged_what_was_seen_of_it(seen, tokens, verdict):
    found = usage(**seen)
    assert (found.input, found.output, found.total, found.verdict) == (*tokens, verdict)


@pytest.mark.parametrize(
    ("seen", "cached"),
    [
        ({"input": 10, "output": 5, "cached": 4}, 4),
        ({"input": 10, "output": 5, "cached": 11}, 10),
        ({"input": 10, "output": 5}, 0),
        ({"total": 50, "cached": 60}, 50),
        ({"input": 10, "cached": 4, "flags": DC}, 4),
        ({"cached": 101, "flags": DC}, 100),
        ({"cached": 4, "flags": RL}, 0),
    ],
)
def test_cached_tokens_are_among_the_input(seen, cached):
    assert usage(**seen).cached == cached


def test_the_models_own_ratio_is_used():
    estimate = ModelEstimate()
    estimate.tokens_per_byte = 0.5
    assert used(ended(response_bytes=100), estimate) == Usage("estimated", 200, 50, 0, 250)


COUNT = st.integers(0, 10**15 - 1)
SOMETIMES = st.none() | COUNT
NOTHING_SEEN = ended()
SEEN = st.builds(
    partial(replace, NOTHING_SEEN),
    input=SOMETIMES,
    output=SOMETIMES,
    total=SOMETIMES,
    cached=SOMETIMES,
    max_out=SOMETIMES,
    events=COUNT,
    response_bytes=COUNT,
    code=st.integers(0, 600),
    flags=COUNT,
)


@given(SEEN)
def test_only_measured_and_estimated_requests_cost_tokens_and_none_less_than_nothing(settle):
    verdict, inputs, outputs, cached, total = used(settle, ModelEstimate())
    assert 0 <= cached <= inputs
    assert min(outputs, total) >= 0
    assert verdict in {"measured", "estimated"} or (inputs, outputs, cached, total) == (0, 0, 0, 0)


def test_each_limit_is_charged_what_was_used_of_its_metric():
    settle = ended(EVERY_METRIC, "1000000/2000000/500000", input=30, output=5, cached=10, total=36)
    told = settlement(settle, used(settle, ModelEstimate()))
    assert told.used == (1, 36, 30, 5, 20 + 2 * 5 + 5, 0)
    assert (told.rid, told.account, told.is_undone, told.may_charge) == (RID, settle.caller.account, False, True)


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [({"input": 30, "output": 5, "cached": 10}, "measured"), ({"input": 30, "events": 5}, "estimated"), ({"code": 500}, "estimated")],
)
def test_the_usage_event_tells_who_used_what_at_which_price(seen, outcome):
    price = "1000000/2000000/500000"
    settle = ended("1", price, **seen)
    told = settlement(settle, used(settle, ModelEstimate()))
    event = read_line(usage_line(told.rid, told.outcome, 1, 2, told.record))
    assert isinstance(event, UsageEvent)
    _, inputs, outputs, cached, total = used(settle, ModelEstimate())
    who = tuple(ANN[name] for name in ("tenant", "key", "user", "team", "tier", "group", "model"))
    cost = inputs - cached + 2 * outputs + -(-cached // 2)
    assert event == UsageEvent(RID, outcome, 1, 2, *who, price, inputs, outputs, cached, total, cost, settle.code)


@pytest.mark.parametrize(("flags", "is_undone"), [(RL, False), (RLSE, True)])
def test_one_that_holds_nothing_has_no_event_and_is_never_charged(flags, is_undone):
    settle = ended(EVERY_METRIC, flags=flags)
    told = settlement(settle, used(settle, ModelEstimate()))
    assert (told.used, told.record, told.is_undone, told.may_charge) == ((), "", is_undone, False)


def test_whose_counters_are_not_known_has_an_event_all_the_same():
    settle = ended("7", input=30, output=5)
    told = settlement(settle, used(settle, ModelEstimate()))
    assert (told.account, told.used, bool(told.record)) == (None, (), True)
