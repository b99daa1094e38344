"""Opaque page tokens: where the page before ended."""

from __future__ import annotations

import base64
import binascii
import json

from maas_common.errors import InvalidArgumentError


def page_token(*after: str | int) -> str:
    """A token for the page that begins after this sort key."""
    return base64.urlsafe_b64encode(json.dumps(after).encode()).decode().rstrip("=")


def after_token(token: str, kinds: tuple[type, ...]) -> tuple[str | int, ...] | None:
    """The sort key inside a token, None for the first page; InvalidArgumentError when it isn't one of ours."""
    if not token:
        return None
    try:
        after = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        after = None
    if not isinstance(after, list) or [type(part) for part in after] != list(kinds):
        raise InvalidArgumentError.of("page_token", "not a token that a list call returned; leave it out for the first page")
    return tuple(after)
