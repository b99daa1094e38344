"""The gateway's configuration: deploy/envoy filled in for one machine. It holds no secret, only where one lies."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import swagger_ui_bundle
import yaml

from maas_local.secrets import SecretFiles
from maas_local.settings import HOST, LocalSettings
from maas_local.state import StateFolder, write_private

_REPOSITORY = Path(__file__).resolve().parents[4]
_TEMPLATE = _REPOSITORY / "deploy/envoy/gateway.yaml"
_LUA = _REPOSITORY / "deploy/envoy/lua"
DESCRIPTOR = _REPOSITORY / "protos/gen/maas/descriptor.binpb"
"""The descriptor set of the suite's services, which REST is made from."""

# The REST API's document, and the page to try it.
_PAGES = {
    "docs.index": _REPOSITORY / "deploy/envoy/docs/index.html",
    "docs.page": _REPOSITORY / "deploy/envoy/docs/page.js",
    "docs.openapi": _REPOSITORY / "docs/api/openapi.yaml",
    "docs.swagger_ui": Path(swagger_ui_bundle.swagger_ui_path),
}

# What each Lua filter is made of. A filter is one program, so what two of them need is part of both.
_PROGRAMS = {
    "request": ("json", "request"),
    "upstream": ("json", "usage", "cap", "upstream"),
    "models": ("json", "errors", "models"),
    "management": ("json", "errors", "management"),
}
_PLACEHOLDER = re.compile(r"\$\{([a-z_.]+)\}")


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What differs from one gateway to the next. Every port is on loopback."""

    workload_secret_file: Path
    """Holds what proves to the services that it is the gateway that asks: one line of ASCII without a line end."""
    descriptor: Path = DESCRIPTOR
    gateway_port: int = 8080
    management_port: int = 8081
    admin_port: int = 9901
    authz_ports: tuple[int, ...] = (50051,)
    """Of each authz worker."""
    ratelimit_port: int = 50052
    registry_port: int = 50053
    keys_port: int = 50054
    body_limit_bytes: int = 32 * 1024 * 1024
    """A request with a larger body is answered 413."""


def write_gateway(settings: LocalSettings, state: StateFolder, secrets: SecretFiles) -> None:
    """Put the configuration of a local run where its Envoy reads it."""
    options = GatewayOptions(
        workload_secret_file=secrets.workload.resolve(),
        gateway_port=settings.gateway_port,
        management_port=settings.rest_port,
        admin_port=settings.envoy_admin_port,
        authz_ports=(settings.authz_port, *settings.more_authz_ports),
        ratelimit_port=settings.ratelimit_port,
        registry_port=settings.registry_port,
        keys_port=settings.keys_port,
    )
    write_private(state.envoy_config, json.dumps(render(options), indent=1))


def render(options: GatewayOptions) -> dict[str, Any]:
    """Envoy's bootstrap configuration, as data that JSON can hold.

    ValueError when the template asks for a value that there is none of.
    """
    given = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()}
    values = given | {f"lua.{name}": lua_program(name) for name in _PROGRAMS} | {name: str(path) for name, path in _PAGES.items()}
    values["authz_endpoints"] = [
        {"endpoint": {"address": {"socket_address": {"address": HOST, "port_value": port}}}} for port in options.authz_ports
    ]
    template: dict[str, Any] = yaml.safe_load(_TEMPLATE.read_text(encoding="utf-8"))
    return {name: _fill(part, values) for name, part in template.items()}


def lua_program(name: str) -> str:
    """The whole source of one Lua filter: `request`, `upstream`, `models` or `management`."""
    return "\n".join((_LUA / f"{part}.lua").read_text(encoding="utf-8") for part in _PROGRAMS[name])


def _fill(node: Any, values: dict[str, Any]) -> Any:
    """`node` with the placeholders in its strings filled in; a string that is one placeholder becomes the value itself."""
    match node:
        case dict():
            return {key: _fill(value, values) for key, value in node.items()}
        case list():
            return [_fill(value, values) for value in node]
        case str():
            if whole := _PLACEHOLDER.fullmatch(node):
                return _value(whole, values)
            return _PLACEHOLDER.sub(lambda found: str(_value(found, values)), node)
        case _:
            return node


def _value(found: re.Match[str], values: dict[str, Any]) -> Any:
    if found[1] not in values:
        raise ValueError(f"gateway.yaml: {found[0]} is not known; known are {', '.join(sorted(values))}")
    return values[found[1]]
