"""What a person sees once everything runs: what is where, and a request to paste for each sample key."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from maas_local.board import Phase, States
from maas_local.settings import LocalSettings
from maas_local.stack import Sample

_PROMPT = "Say hello in one sentence."


def print_summary(console: Console, settings: LocalSettings, states: States, samples: Iterable[Sample]) -> None:
    """The table, then the requests."""
    table = Table("what", "where", "state", title="MaaS policy suite", title_justify="left")
    for what, where, process in _places(settings):
        phase = states[process].phase
        table.add_row(what, where, Text(phase, "green" if phase is Phase.READY else "red"))
    console.print(table)
    for sample in samples:
        console.print(Text(f"\n# {sample.tier}: {sample.person.name}", "bold"))
        # Without wrapping, so that it can be copied.
        console.print(Text(curl(settings.gateway_url, sample.key.key, sample.person.sample_model)), soft_wrap=True)


def sign_in(settings: LocalSettings) -> str:
    """How to sign in from a shell, with the addresses that `maas` does not expect."""
    told = {
        "MAAS_URL": ("rest_port", settings.rest_url),
        "MAAS_GATEWAY_URL": ("gateway_port", settings.gateway_url),
        "MAAS_ISSUER": ("issuer_port", settings.issuer_url),
    }
    moved = [f"{name}={url}" for name, (port, url) in told.items() if getattr(settings, port) != LocalSettings.model_fields[port].default]
    return " ".join([*(["export", *moved, "&&"] if moved else []), ".venv/bin/maas login <name>"])


def curl(gateway: str, key: str, model: str) -> str:
    """A request to paste into a shell."""
    body = {"model": model, "messages": [{"role": "user", "content": _PROMPT}], "max_tokens": 40}
    words = [f"{gateway}/v1/chat/completions", "-H", f"Authorization: Bearer {key}", "-H", "Content-Type: application/json"]
    return shlex.join(["curl", *words, "-d", json.dumps(body)])


def _places(settings: LocalSettings) -> list[tuple[str, str, str]]:
    """What, where, and the process that serves it."""
    return [
        ("gateway for applications", settings.gateway_url, "envoy"),
        ("management over REST", settings.rest_url, "envoy"),
        ("Envoy administration", settings.envoy_admin_url, "envoy"),
        *((f"{name} (gRPC)", settings.grpc_address(name), name) for name in ("authz", "ratelimit", "registry", "keys")),
        ("sign-in", settings.issuer_url, "issuer"),
        ("model server", settings.model_url, "model"),
    ]
