"""The gateway as chat sees it: one answer prepared, in Envoy's and the model server's words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cli.tests.fakes.web import Request, Response, json_response

KEY = "sk-maas-AbCdEfGhIjKl_" + "z" * 49
LEFT = {
    "x-ratelimit-remaining-requests": "9",
    "x-ratelimit-reset-requests": "42s",
    "x-ratelimit-remaining-tokens": "1950",
    "x-ratelimit-reset-tokens": "42s",
}
USAGE = {"prompt_tokens": 12, "completion_tokens": 1034, "total_tokens": 1046}


@dataclass(slots=True)
class Gateway:
    """Every request that carries KEY is answered by the next of `answers`."""

    answers: list[Response] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if request.bearer != KEY:
            return error(401, "Invalid or expired token", "authentication_error")
        return self.answers.pop(0)


def error(status: int, message: str, kind: str, headers: dict[str, str] | None = None) -> Response:
    return json_response({"error": {"message": message, "type": kind, "code": status}}, status, headers)


def streamed(*pieces: str, headers: dict[str, str] | None = None, usage: dict[str, int] | None = USAGE) -> Response:
    """A whole answer as llama.cpp and vLLM stream it."""
    last: list[Any] = [{"choices": [], "usage": usage}] if usage else []
    return stream([*map(delta, pieces), *last, "[DONE]"], headers=headers)


def stream(events: Iterable[Any], *, headers: dict[str, str] | None = None, breaks: bool = False) -> Response:
    return Response(200, _encoded(events), {"content-type": "text/event-stream", **(LEFT if headers is None else headers)}, breaks)


def delta(text: str) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def _encoded(events: Iterable[Any]) -> Iterator[bytes]:
    for event in events:
        yield f"data: {event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)}\n\n".encode()
