"""What the gateway read of a request's body: strings, handed over as the metadata `maas.request`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from maas_common.limits import MAX_AMOUNT

from maas_authz.core.keys import NONE
from maas_authz.core.refusals import BODY_NOT_READ, Refusal, invalid_request
from maas_authz.core.target import Endpoint

_CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_CHOICES = ("n", "best_of", "n_cmpl")
"""How many answers are asked for to each prompt, by different servers; the model works on the largest."""
_MAX_DIGITS = 15


class Body(NamedTuple):
    """The facts that decide. `size` in bytes and `max_out` in tokens are decimal, `max_out` NONE when there is no cap."""

    model: str | None
    size: str
    max_out: str
    add_usage: bool
    """Whether the gateway has to ask the model for the usage of a stream, because the client did not."""


def read_body(facts: Mapping[str, str], endpoint: Endpoint) -> Body | Refusal:
    """The facts, or why the body can't be judged."""
    size = facts.get("bytes", "")
    if _count(size) is None:
        return _unread(facts)
    max_out = NONE
    for name in _CAPS:
        if (cap := facts.get(name)) is not None:
            counts = [_count(text) for text in (cap, *(facts.get(factor, "1") for factor in _CHOICES), facts.get("prompts", "1"))]
            if None in counts:
                return invalid_request(f"{name} and n must be whole numbers, 0 or more")
            tokens, *choices, prompts = (count or 0 for count in counts)
            if tokens:  # servers take 0 for none
                max_out = str(min(tokens * max(*choices, 1) * max(prompts, 1), MAX_AMOUNT))
            break
    add_usage = facts.get("stream") == "true" and endpoint.streams_usage_if_asked and not _includes_usage(facts.get("stream_options"))
    return Body(facts.get("model"), size, max_out, add_usage)


def _unread(facts: Mapping[str, str]) -> Refusal:
    if "malformed" in facts:
        return invalid_request(f"The request can't be read: {facts['malformed']}")
    if "content_type" in facts:
        return invalid_request(f"content-type is {facts['content_type']}; send application/json", 415)
    return BODY_NOT_READ


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= _MAX_DIGITS else None


def _includes_usage(options: str | None) -> bool:
    if options is None:
        return False
    try:
        parsed = json.loads(options)
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and parsed.get("include_usage") is True
