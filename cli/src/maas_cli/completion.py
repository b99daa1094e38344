"""The gateway, as chat uses it: one streamed chat completion at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from maas_cli.errors import RefusedError, UnreachableError
from maas_cli.left import Left, left_in
from maas_cli.sse import data_of
from maas_cli.transport import json_or_text, open_client, reaching, refusal

PATH = "/v1/chat/completions"
READ_TIMEOUT_S = 300.0
KEY_HINT = "is the API key right? maas keys create NAME makes a new one"
_SETTING = "--gateway-url or MAAS_GATEWAY_URL"
_DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the model counted them."""

    input: int
    output: int
    total: int


class Answer:
    """An answer on its way. `usage` is known once its pieces are read, if the model says it at all."""

    def __init__(self, response: httpx.Response) -> None:
        """The response is a success, its body not read yet."""
        self._response = response
        self.usage: Usage | None = None

    @property
    def left(self) -> list[Left]:
        """What was left of the caller's limits when this was let in, with what it may use already taken off."""
        return left_in(self._response.headers)

    def pieces(self) -> Iterator[str]:
        """The answer's text as it comes. A CommandError when the server gives up in the middle, or the end is missing.

        The stream is read to its very end: a client that left at the last event would look like one that hung up.
        """
        is_done = False
        for data in data_of(self._response.iter_bytes()):
            if data == _DONE:
                is_done = True
                continue
            event = _event(data)
            if event.get("error"):
                raise refusal(_code(event["error"]), event)
            self.usage = _usage(event.get("usage")) or self.usage
            for choice in event.get("choices") or ():
                yield (choice.get("delta") or {}).get("content") or ""
        if not is_done:
            raise UnreachableError("the answer broke off before its end")


class Gateway:
    """The data plane, with a caller's API key."""

    def __init__(self, url: str, key: str) -> None:
        """The key is sent with every request, to this URL only."""
        self._url = url
        self._client = open_client(url, read_timeout_s=READ_TIMEOUT_S, headers={"authorization": f"Bearer {key}"})

    def __enter__(self) -> Self:
        """Keep one connection for a whole conversation."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connection."""
        self._client.close()

    @contextmanager
    def ask(self, request: dict[str, Any]) -> Iterator[Answer]:
        """Send a chat completion request. Leaving early hangs up: the gateway counts what was streamed till then."""
        body = request | {"stream": True, "stream_options": {"include_usage": True}}
        with reaching("the gateway", self._url, _SETTING), self._client.stream("POST", PATH, json=body) as response:
            if not response.is_success:
                response.read()
                retry_after = response.headers.get("retry-after", "")
                raise refusal(response.status_code, json_or_text(response), retry_after=retry_after, unauthenticated_hint=KEY_HINT)
            if "text/event-stream" not in response.headers.get("content-type", ""):
                raise RefusedError(f"{self._url}{PATH} answered something that is no stream", hint=f"see {_SETTING}")
            yield Answer(response)


def _event(data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise RefusedError("the model's server sent an event that is no JSON object")
    return event


def _usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    return Usage(usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), usage.get("total_tokens", 0))


def _code(error: Any) -> int:
    """The HTTP status that an error inside a stream would have had; 500 when it names none."""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else 500
