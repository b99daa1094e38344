"""How API keys look, and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from maas_cli.budget import budget_text
from maas_cli.client import Json, segment
from maas_cli.enforcement import tell
from maas_cli.errors import RefusedError, UsageError
from maas_cli.key_id import key_id
from maas_cli.labels import labels_text
from maas_cli.limits import limits_text
from maas_cli.output import Column, Format, Item, day, field, moment, show_one, told
from maas_cli.printing import say, warn

PATH = "/v1/api-keys"
PAGE_MAX = 100
SCOPES = {"models": "models", "mcpServers": "MCP servers", "vectorDatabases": "vector databases", "agents": "agents"}

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the key and nothing else.")]


def path_of(key: str, method: str = "") -> str:
    """Where a key is, or one of its methods."""
    return f"{PATH}/{segment(key_id(key))}{method and '/'}{method}"


def _owner(key: Item) -> str:
    kind = (key.get("owner") or {}).get("kind", "user")
    name = str(key.get("username") or "-")
    return name if kind in {"user", ""} else f"{name} ({kind.replace('_', ' ')})"


def _scope(key: Item) -> str:
    scope: Mapping[str, Any] = key.get("scope") or {}
    return "; ".join(f"{title} {', '.join(scope[kind])}" for kind, title in SCOPES.items() if scope.get(kind)) or "-"


KEYS = [
    field("id", "id", is_whole=True),
    field("name", "name"),
    Column("owner", _owner),
    field("team", "team"),
    field("status", "status", is_whole=True),
    day("expires", "expirationDate"),
    day("last used", "lastUsedAt"),
]
_KEY = [
    *KEYS[:2],
    field("begins with", "keyPrefix"),
    field("kind", "kind"),
    *KEYS[2:5],
    field("waits because", "pendingReasons"),
    field("groups", "groups"),
    field("description", "description"),
    field("bound to tier", "subscription"),
    Column("only for", _scope),
    Column("limits", lambda key: limits_text(key.get("limits"), per="key")),
    Column("budget", budget_text),
    field("only from", "allowedIps"),
    Column("labels", labels_text),
    Column("ephemeral", lambda key: "yes" if key.get("ephemeral") else "-"),
    moment("created", "creationDate"),
    field("created by", "createdBy"),
    field("approved by", "approvedBy"),
    moment("changed", "updatedAt"),
    moment("expires", "expirationDate"),
    moment("last used", "lastUsedAt"),
    moment("old key works until", "oldKeyExpiresAt"),
    field("etag", "etag"),
]


def show_key(key: Item, output: Format) -> None:
    """A key, as much as there is to say of it, and how far a change of it has reached."""
    show_one(key, told(key, _KEY), output)
    tell(key, output)


def one_form(output: Format, *, quiet: bool) -> None:
    """UsageError when both the key alone and the whole answer are asked for."""
    if quiet and output is not Format.TABLE:
        raise UsageError(f"--quiet prints the key alone, --output {output} the whole answer; give one of them")


def show_secret(answer: Json, key: Item, lines: list[Column], output: Format, *, quiet: bool) -> None:
    """A key that was made just now, whole, this once; `key` says the rest of it. RefusedError when it alone is wanted and not there."""
    secret, missing = answer.get("key"), f"the key is not shown: {answer.get('note') or 'the server gives no reason'}"
    if quiet:
        if not secret:
            raise RefusedError(missing)
        say(secret)
    elif output is Format.TABLE:
        show_one(key, told(key, lines), output)
        if secret:
            say("\nYour key, shown only this once. Keep it now:\n")
            say(f"{secret}\n")
        else:
            warn(missing)
    else:
        show_one(answer, [], output)
    if key.get("status") == "pending":
        reasons = key.get("pendingReasons") or ["no reason given"]
        warn(f"it works once an administrator approves it: {'; '.join(reasons)}")
    tell(key, output, quiet=quiet)
