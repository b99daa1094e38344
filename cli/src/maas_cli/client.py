"""The management API: REST as the google.api.http annotations of the protos define it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from maas_cli.errors import RefusedError, UsageError
from maas_cli.transport import json_or_text, open_client, reaching, refusal

READ_TIMEOUT_S = 30.0
SIGN_IN_HINT = "sign in again: maas login NAME"
Json = dict[str, Any]
Params = Mapping[str, str | int | list[str]]


class Management:
    """A signed-in conversation with the management endpoint. Every method raises a CommandError that fits the refusal."""

    def __init__(self, url: str, token: str) -> None:
        """The token is sent with every request, to this URL only."""
        self._url = url
        self._client = open_client(url, read_timeout_s=READ_TIMEOUT_S, headers={"authorization": f"Bearer {token}"})

    def __enter__(self) -> Self:
        """Keep one connection for all requests of a command."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connection."""
        self._client.close()

    def get(self, path: str, params: Params | None = None) -> Json:
        """Read."""
        return self._send("GET", path, params=params)

    def post(self, path: str, body: Json) -> Json:
        """Create, or ask a question that needs a body."""
        return self._send("POST", path, body=body)

    def patch(self, path: str, body: Json) -> Json:
        """Change the fields that the body carries."""
        return self._send("PATCH", path, body=body)

    def delete(self, path: str, params: Params | None = None) -> Json:
        """Remove."""
        return self._send("DELETE", path, params=params)

    def every(self, path: str, field: str, *, limit: int | None, page_max: int, params: Params | None = None) -> list[Json]:
        """The items under `field` of every page, at most `limit` of them; `page_max` is the most that a page holds."""

        def page(size: int, token: str) -> Json:
            paging: Params = {"pageSize": size} | ({"pageToken": token} if token else {})
            return self.get(path, {**(params or {}), **paging})

        return gathered(page, field, limit=limit, page_max=page_max)

    def _send(self, method: str, path: str, *, params: Params | None = None, body: Json | None = None) -> Json:
        with reaching("the management API", self._url, "--url or MAAS_URL"):
            response = self._client.request(method, path, params=params, json=body)
        answer = json_or_text(response)
        if not response.is_success:
            raise refusal(response.status_code, answer, unauthenticated_hint=SIGN_IN_HINT)
        if not isinstance(answer, dict):
            raise RefusedError(
                f"{self._url}{path} answered something that is no JSON object", hint="is --url (MAAS_URL) the management API?"
            )
        return answer


def segment(name: str) -> str:
    """A name as one segment of a path: no slash, question mark or dots in it reach another resource."""
    if name in {"", ".", ".."}:  # on the way these change which resource is meant, however they are quoted
        raise UsageError(f'"{name}" is no name or id')
    return quote(name, safe="")


def gathered(page: Callable[[int, str], Json], field: str, *, limit: int | None, page_max: int) -> list[Json]:
    """The items under `field` of every page, at most `limit` of them. `page` reads one: so many items, from where a token says."""
    items: list[Json] = []
    token = ""
    while True:
        read = page(page_max if limit is None else min(page_max, limit - len(items)), token)
        items.extend(read.get(field, []))
        token = read.get("nextPageToken") or read.get("next_page_token") or ""
        if not token or (limit is not None and len(items) >= limit):
            return items[:limit]
