"""`maas login`, `maas logout`, `maas whoami`, `maas token`."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from maas_cli.errors import UsageError
from maas_cli.oidc import claims_of, sign_in
from maas_cli.output import Format, Output, field, moment, show_one
from maas_cli.passwords import password_of
from maas_cli.printing import note, say
from maas_cli.session import Session
from maas_cli.settings import base_url, is_loopback
from maas_cli.state import state_of

_LINES = [*(field(name, name) for name in ("name", "groups", "subject", "issuer", "url")), moment("expires", "expires")]


def login(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Who to sign in as; asked for when absent.", show_default=False)] = None,
    *,
    issuer: Annotated[
        str | None,
        typer.Option(envvar="MAAS_ISSUER", help="OpenID issuer to sign in at; http://127.0.0.1:8082 when absent.", show_default=False),
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="File that holds the password.", show_default=False)] = None,
) -> None:
    """Sign in, and stay signed in until the token expires.

    The password is read from --password-file, else from MAAS_PASSWORD, else from .maas/people/NAME.password
    of a local run (here or in a folder above, and only for an issuer on this machine), else asked for.
    The token is kept in a file that only you can read, and is sent to this management URL and nowhere else.

    Examples:
    maas login alice
    maas login alice --password-file ~/.secrets/alice
    maas --url https://maas.example.org login alice --issuer https://sso.example.org/realms/staff
    """
    state = state_of(context)
    at = base_url(issuer, "issuer") if issuer else state.settings.issuer
    who = name or _ask_name()
    password = password_of(who, file=password_file, is_local=is_loopback(at))
    session = sign_in(at, who, password)
    named = replace(session, name=_described(session, state.settings.url)["name"])
    state.sessions.remember(state.settings.url, named)
    say(f"Signed in as {named.name} at {state.settings.url} until {named.until}.")


def logout(context: typer.Context) -> None:
    """Forget the sign-in at this management URL. API keys go on working.

    Examples:
    maas logout
    maas --url https://maas.example.org logout
    """
    state = state_of(context)
    session = state.sessions.forget(state.settings.url)
    if session is None:
        note(f"not signed in at {state.settings.url}")
    else:
        say(f"Signed {session.name} out at {state.settings.url}.")


def whoami(context: typer.Context, *, output: Output = Format.TABLE) -> None:
    """Show who is signed in, in which groups, and until when, as the token says. Asks no server.

    Examples:
    maas whoami
    maas whoami -o json | jq -r '.groups[]'
    maas whoami > /dev/null || maas login alice
    """
    state = state_of(context)
    session = state.sessions.current(state.settings.url, now=state.clock.now())
    show_one(_described(session, state.settings.url), _LINES, output)


def token(context: typer.Context) -> None:
    """Print the token of who is signed in, for programs that call the management API. Whoever has it is you, until it expires.

    Examples:
    TOKEN=$(maas token)
    curl -H "authorization: Bearer $(maas token)" http://127.0.0.1:8081/v2/users/me
    """
    state = state_of(context)
    say(state.sessions.current(state.settings.url, now=state.clock.now()).token)


def _described(session: Session, url: str) -> dict[str, Any]:
    claims = claims_of(session.token)
    return {
        "name": str(claims.get("preferred_username") or session.name),
        "groups": [str(group) for group in claims.get("groups") or ()],
        "subject": str(claims.get("sub") or ""),
        "issuer": session.issuer,
        "url": url,
        "expires": datetime.fromtimestamp(session.expires_at, UTC).isoformat(timespec="seconds"),
    }


def _ask_name() -> str:
    if not sys.stdin.isatty():
        raise UsageError("want a name: maas login NAME")
    return str(typer.prompt("Name", err=True))
