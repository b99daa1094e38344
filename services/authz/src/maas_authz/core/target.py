"""What a path asks for. Known paths are compared as they are; whatever is not written plainly is refused, not guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass

from maas_authz.core.refusals import NOT_CANONICAL, UNKNOWN_PATH, Refusal, invalid_request

_CANONICAL = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~!$&'()*+,;=:@-]+)*/?")
_QUERY = re.compile(r"[!-\"$-~]*")
_INFERENCE = re.compile(r"(?:/llm/([^/]+))?/v1(/.+)")
_MODELS = re.compile(r"/v1/models(?:/[^/]+)?")


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


@dataclass(frozen=True, slots=True)
class Inference:
    """A call of a model. `model` is the one in the path, None when the body names it; `query` has its question mark."""

    endpoint: Endpoint
    model: str | None
    query: str


@dataclass(frozen=True, slots=True)
class ModelList:
    """The caller's models, all or one: the registry answers."""


def read_target(method: str, path: str) -> Inference | ModelList | Refusal:
    """What a request asks for; `path` is Envoy's `:path`, query included."""
    plain, mark, query = path.partition("?")
    if not plain.startswith("/") or not _CANONICAL.fullmatch(plain) or not _QUERY.fullmatch(query):
        return NOT_CANONICAL
    match = _INFERENCE.fullmatch(plain)
    endpoint = _ENDPOINTS.get(match[2]) if match else None
    if match and endpoint:
        return Inference(endpoint, match[1], mark + query) if method == "POST" else _wants("POST")
    if _MODELS.fullmatch(plain):
        return ModelList() if method == "GET" else _wants("GET")
    return UNKNOWN_PATH


def _wants(method: str) -> Refusal:
    return invalid_request(f"This path takes {method} only.", 405, ("allow", method))
