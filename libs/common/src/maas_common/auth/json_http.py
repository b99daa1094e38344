"""JSON over HTTP, as far as signing in needs it."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any

_TIMEOUT_S = 5.0
_MOST_BYTES = 2**20


class JsonHttp:
    """Asks http and https servers. Redirects are errors: they would lead past the address that was checked."""

    def __init__(self, ca_file: Path | None = None) -> None:
        """Trust the authorities in that file instead of the system's. ValueError when it can't be read."""
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise ValueError(f"{ca_file}: no certificates to trust there ({error.strerror or error}); want a PEM file") from None
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirects)

    def get(self, url: str) -> Any:
        """A document; OSError or ValueError when there is none."""
        return self._ask(urllib.request.Request(url))  # noqa: S310 - scheme checked below

    def post(self, url: str, document: Any, *, token: str) -> Any:
        """The answer to a document; OSError or ValueError when there is none."""
        headers = {"content-type": "application/json", "accept": "application/json", "authorization": f"Bearer {token}"}
        return self._ask(urllib.request.Request(url, json.dumps(document).encode(), headers))  # noqa: S310 - scheme checked below

    def _ask(self, request: urllib.request.Request) -> Any:
        if request.type not in {"http", "https"}:
            raise ValueError(f"{request.full_url}: want an http or https URL")
        with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
            body = answer.read(_MOST_BYTES + 1)
        if len(body) > _MOST_BYTES:
            raise ValueError(f"{request.full_url}: answers with more than {_MOST_BYTES} bytes")
        return json.loads(body)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
