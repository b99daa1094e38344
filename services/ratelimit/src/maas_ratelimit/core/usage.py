"""What a request has used, by what Envoy saw of it: the model's own count, or else an estimate from what went over the wire."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from maas_ratelimit.core.counting import Settlement
from maas_ratelimit.core.descriptors import Settle
from maas_ratelimit.core.estimates import ModelEstimate
from maas_ratelimit.core.events import SEPARATOR

# Bits of Envoy's CoreResponseFlag (envoy/stream_info/stream_info.h).
_LIMITED = 0x800  # RL
_LIMITER_FAILED = 0x2000  # RLSE
_NEVER_SENT = (
    0x1  # LH: local health check failed
    | 0x2  # UH: no healthy upstream
    | 0x20  # UF: connection to the upstream failed
    | 0x80  # UO: circuit breaker open
    | 0x100  # NR: no route
    | 0x400  # FI: aborted by fault injection
    | 0x1000  # UAEX: denied by external authorization
    | 0x20000  # IH: a header was refused
    | 0x200000  # NFCF: no filter configuration
    | 0x1000000  # NC: no cluster
    | 0x2000000  # OM: overload manager
    | 0x4000000  # DF: DNS failed
    | 0x8000000  # DO: dropped by overload
)
_FIRST_ERROR_CODE = 400


Verdict: TypeAlias = Literal["measured", "estimated", "nothing", "refused", "undelivered"]
"""How the tokens of a request were found.

measured     The model reported them.
estimated    The model reported nothing, or not all.
nothing      The request was admitted, but no model worked on it.
refused      It was refused for its limits: it holds nothing, and nothing is charged.
undelivered  Envoy did not get our answer to its admission, and refused it.
"""
HOLDS_NOTHING = {"refused", "undelivered"}


class Usage(NamedTuple):
    """Tokens to charge. `cached` are among `input`."""

    verdict: Verdict
    input: int = 0
    output: int = 0
    cached: int = 0
    total: int = 0


def used(settle: Settle, estimate: ModelEstimate) -> Usage:
    """Judge an ended request. A reported total wins over the sum of input and output."""
    inputs, outputs, total = settle.input, settle.output, settle.total
    if inputs is not None and outputs is not None:
        return Usage("measured", inputs, outputs, min(settle.cached or 0, inputs), inputs + outputs if total is None else total)
    if total is not None:
        inputs = min(total, estimate.input(settle.bytes)) if inputs is None else inputs
        outputs = max(0, total - inputs) if outputs is None else outputs
        return Usage("measured", inputs, outputs, min(settle.cached or 0, inputs), total)
    if settle.flags & _LIMITER_FAILED:
        return Usage("undelivered")
    if settle.flags & _LIMITED:
        return Usage("refused")
    if inputs is None and outputs is None and (settle.flags & _NEVER_SENT or settle.code >= _FIRST_ERROR_CODE):
        return Usage("nothing")
    inputs = estimate.input(settle.bytes) if inputs is None else inputs
    outputs = _output(settle, estimate)
    return Usage("estimated", inputs, outputs, min(settle.cached or 0, inputs), inputs + outputs)


def settlement(settle: Settle, usage: Usage) -> Settlement:
    """What to tell the store."""
    caller = settle.caller
    account = caller.account
    verdict, inputs, outputs, cached, total = usage
    if verdict in HOLDS_NOTHING:
        return Settlement(settle.rid, account, (), "", is_undone=verdict == "undelivered", may_charge=False)
    cost = caller.price.cost(inputs, outputs, cached)
    used = () if account is None else account.plan.of_each((1, total, inputs, outputs, cost, 0))
    counts = f"{inputs}{SEPARATOR}{outputs}{SEPARATOR}{cached}{SEPARATOR}{total}{SEPARATOR}{cost}{SEPARATOR}{settle.code}"
    text = f"{caller.facts}{SEPARATOR}{counts}"
    return Settlement(settle.rid, account, used, text, "measured" if verdict == "measured" else "estimated")


def _output(settle: Settle, estimate: ModelEstimate) -> int:
    """A streamed answer has about one token in each event; any other has about as many to the byte as a request."""
    if settle.output is not None:
        return settle.output
    output = settle.events or estimate.input(settle.response_bytes)
    return output if settle.max_out is None else min(output, settle.max_out)
