"""What a request has used, by what Envoy saw of it: the model's own count, or else an estimate from what went over the wire."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from maas_ratelimit.core.descriptors import Settle
from maas_ratelimit.core.estimates import ModelEstimate

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


class Usage(NamedTuple):
    """Tokens to charge."""

    tokens: int
    verdict: Verdict


def used(settle: Settle, estimate: ModelEstimate) -> Usage:
    """Judge an ended request. A reported total wins over the sum of input and output."""
    if settle.total is not None:
        return Usage(settle.total, "measured")
    if settle.input is not None and settle.output is not None:
        return Usage(settle.input + settle.output, "measured")
    if settle.flags & _LIMITER_FAILED:
        return Usage(0, "undelivered")
    if settle.flags & _LIMITED:
        return Usage(0, "refused")
    if settle.input is None and settle.output is None and (settle.flags & _NEVER_SENT or settle.code >= _FIRST_ERROR_CODE):
        return Usage(0, "nothing")
    return Usage(_input(settle, estimate) + _output(settle, estimate), "estimated")


def _input(settle: Settle, estimate: ModelEstimate) -> int:
    return estimate.input(settle.bytes) if settle.input is None else settle.input


def _output(settle: Settle, estimate: ModelEstimate) -> int:
    """A streamed answer has about one token in each event; any other has about as many to the byte as a request."""
    if settle.output is not None:
        return settle.output
    output = settle.events or estimate.input(settle.response_bytes)
    return output if settle.max_out is None else min(output, settle.max_out)
