"""What an ended request is charged, for each way in which it can end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_ratelimit.core.descriptors import Settle
from maas_ratelimit.core.estimates import ModelEstimate
from maas_ratelimit.core.usage import Usage, used

NOTHING_SEEN = Settle("0" * 32, "default", "ann", "small", "1", 400, None, None, None, None, 0, 0, 200, 0)
"""A request of 400 bytes: 100 tokens by a fresh estimate."""

RL, RLSE, DC, UC, UH, UF, UO, NR, UAEX, NC = 0x800, 0x2000, 0x4000, 0x40, 0x2, 0x20, 0x80, 0x100, 0x1000, 0x1000000


def ended(**seen) -> Usage:
    return used(NOTHING_SEEN._replace(**seen), ModelEstimate())


@pytest.mark.parametrize(
    ("seen", "tokens", "verdict"),
    [
        pytest.param({"total": 50, "input": 10, "output": 30}, 50, "measured", id="a reported total wins over the sum"),
        pytest.param({"input": 10, "output": 30}, 40, "measured", id="input and output are summed"),
        pytest.param({"total": 0}, 0, "measured", id="zero is a report too"),
        pytest.param({"total": 50, "flags": DC}, 50, "measured", id="reported, then the client left"),
        pytest.param({"total": 50, "code": 500}, 50, "measured", id="an error that reports usage is believed"),
        pytest.param({"flags": RL, "code": 429}, 0, "refused", id="refused here"),
        pytest.param({"flags": RLSE, "code": 503}, 0, "undelivered", id="our answer did not reach Envoy"),
        pytest.param({"code": 400}, 0, "nothing", id="the model refused the request"),
        pytest.param({"code": 503, "flags": UC, "response_bytes": 95}, 0, "nothing", id="upstream reset before an answer"),
        *(
            pytest.param({"code": 0, "flags": DC | flag}, 0, "nothing", id=f"never reached the model, {flag:#x}")
            for flag in (UH, UF, UO, NR, UAEX, NC)
        ),
        pytest.param({"flags": DC, "code": 0}, 100, "estimated", id="client gone before an answer"),
        pytest.param({"flags": DC, "events": 7, "response_bytes": 1400}, 107, "estimated", id="client gone mid-stream"),
        pytest.param({"flags": UC, "events": 7, "response_bytes": 1400}, 107, "estimated", id="upstream gone mid-stream"),
        pytest.param({"response_bytes": 800}, 300, "estimated", id="a whole answer without usage"),
        pytest.param({"events": 7}, 107, "estimated", id="a stream without usage"),
        pytest.param({"events": 7, "max_out": 3}, 103, "estimated", id="no more output than was asked for"),
        pytest.param({"response_bytes": 800, "max_out": 3}, 103, "estimated", id="no more output than was asked for, whole"),
        pytest.param({"input": 10, "events": 7, "flags": DC}, 17, "estimated", id="input was reported before the client left"),
        pytest.param({"output": 30, "response_bytes": 9000}, 130, "estimated", id="output alone was reported"),
        pytest.param({"input": 10, "code": 500}, 10, "estimated", id="input was reported before the error"),
    ],
)
def test_an_ended_request_is_charged_what_was_seen_of_it(seen, tokens, verdict):
    assert ended(**seen) == Usage(tokens, verdict)


def test_the_models_own_ratio_is_used():
    estimate = ModelEstimate()
    estimate.tokens_per_byte = 0.5
    assert used(NOTHING_SEEN._replace(response_bytes=100), estimate) == Usage(200 + 50, "estimated")


COUNT = st.integers(0, 10**15 - 1)
SOMETIMES = st.none() | COUNT


@given(
    st.builds(
        NOTHING_SEEN._replace,
        input=SOMETIMES,
        output=SOMETIMES,
        total=SOMETIMES,
        events=COUNT,
        response_bytes=COUNT,
        code=COUNT,
        flags=COUNT,
    )
)
def test_only_measured_and_estimated_requests_cost_tokens_and_none_less_than_nothing(settle):
    usage = used(settle, ModelEstimate())
    assert usage.tokens >= 0
    assert usage.verdict in {"measured", "estimated"} or usage.tokens == 0
