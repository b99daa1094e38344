"""HTTP as every part of the command line uses it: bounded waits, no silent redirects, failures as typed errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from maas_cli.errors import (
    CommandError,
    ForbiddenError,
    LimitedError,
    NotFoundError,
    NotSignedInError,
    RefusedError,
    UnreachableError,
)
from maas_cli.settings import is_loopback

CONNECT_TIMEOUT_S = 5.0
_SNIPPET = 200
_BY_STATUS: dict[int, type[CommandError]] = {
    401: NotSignedInError,
    403: ForbiddenError,
    404: NotFoundError,
    429: LimitedError,
    502: UnreachableError,
    503: UnreachableError,
    504: UnreachableError,
}


def open_client(base_url: str, *, read_timeout_s: float, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """A client of one server. A proxy from the environment is not asked for what is on this machine."""
    timeout = httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S)
    return httpx.Client(base_url=base_url, timeout=timeout, headers=headers, trust_env=not is_loopback(base_url))


@contextmanager
def reaching(what: str, url: str, setting: str) -> Iterator[None]:
    """Turn a connection that fails, or breaks, into UnreachableError that names the server and where its address is set."""
    try:
        yield
    except httpx.TimeoutException:
        raise UnreachableError(f"{what} at {url} did not answer in time") from None
    except httpx.ConnectError as error:
        raise UnreachableError(f"can't reach {what} at {url}: {error}", hint=f"is it running? its address is set by {setting}") from None
    except httpx.HTTPError as error:
        raise UnreachableError(f"the connection to {what} at {url} broke: {error or type(error).__name__}") from None


def refusal(status: int, body: Any, *, retry_after: str = "", unauthenticated_hint: str = "") -> CommandError:
    """The error for an answer that is no success. `body` is its JSON, `{"error": {…}}` in both planes, or its text."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        message = str(error.get("message") or f"the server answered {status}")
    else:
        message = f"the server answered {status}: {str(error).strip()[:_SNIPPET] or 'nothing more'}"
    kind = _BY_STATUS.get(status, RefusedError)
    hint = unauthenticated_hint if kind is NotSignedInError else f"try again in {retry_after} s" if retry_after else ""
    wrong = list(_violations(error))
    if len(wrong) > 1 and all(line in message for line in wrong):
        return kind(f"{len(wrong)} things are wrong", hint=hint, details=wrong)
    return kind(message, hint=hint, details=[line for line in wrong if line not in message])


def json_or_text(response: httpx.Response) -> Any:
    """The JSON in an answer that has been read, else its text."""
    try:
        return response.json()
    except ValueError:
        return response.text


def _violations(error: Any) -> Iterator[str]:
    """Wrong fields, from google.rpc.BadRequest among the details."""
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        for violation in detail.get("fieldViolations", ()) if isinstance(detail, dict) else ():
            yield f"{violation.get('field')}: {violation.get('description')}"
