"""What a path asks for. Known paths are compared as they are; whatever is not written plainly is refused, not guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from maas_authz.core.refusals import NOT_CANONICAL, UNKNOWN_PATH, Refusal, invalid_request


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method of the OpenAI API that models serve, by its path after the version."""

    path: str
    streams_usage_if_asked: bool = False
    """Whether a streamed answer ends in the usage only when `stream_options.include_usage` says so."""


# Everything else that model servers have (metrics, slots, adapters, shutdown) can't be reached through the gateway.
_ENDPOINTS = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint("/chat/completions", streams_usage_if_asked=True),
        Endpoint("/completions", streams_usage_if_asked=True),
        Endpoint("/embeddings"),
        Endpoint("/responses"),
    )
}


_PLAIN = "[A-Za-z0-9._~!$&'()*+,;=:@-]"
_QUERY = r"(\?[!-\"$-~]*)?"
_CANONICAL = re.compile(rf"(?:/(?!\.\.?(?:[/?]|\Z)){_PLAIN}+)*/?{_QUERY}")
_INFERENCE = re.compile(rf"(?:/llm/([A-Za-z0-9]{_PLAIN}*))?/v1({'|'.join(_ENDPOINTS)}){_QUERY}")
_MODELS = re.compile(rf"/v1/models(?:/{_PLAIN}+)?{_QUERY}")


class Inference(NamedTuple):
    """A call of a model. `model` is the one in the path, None when the body names it; `query` has its question mark.

    A tuple, like all that is made anew for every request: a frozen dataclass takes three times as long to make.
    """

    endpoint: Endpoint
    model: str | None
    query: str


@dataclass(frozen=True, slots=True)
class ModelList:
    """The caller's models, all or one: the registry answers."""


def read_target(method: str, path: str) -> Inference | ModelList | Refusal:
    """What a request asks for; `path` is Envoy's `:path`, query included."""
    match = _INFERENCE.fullmatch(path)
    if match:
        return Inference(_ENDPOINTS[match[2]], match[1], match[3] or "") if method == "POST" else _wants("POST")
    if not path.startswith("/") or not _CANONICAL.fullmatch(path):
        return NOT_CANONICAL
    if _MODELS.fullmatch(path):
        return ModelList() if method == "GET" else _wants("GET")
    return UNKNOWN_PATH


def _wants(method: str) -> Refusal:
    return invalid_request(f"This path takes {method} only.", 405, ("allow", method))
