"""What a local run is made of: every process, how it is started, what it needs, and how it says that it is ready."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from maas_local.keeper import ProcessSpec
from maas_local.probes import grpc_health, http_ok
from maas_local.secrets import SecretFiles
from maas_local.settings import HOST, LocalSettings
from maas_local.state import StateFolder

SERVICES = ("keys", "registry", "authz", "ratelimit")


def process_specs(settings: LocalSettings, state: StateFolder, secrets: SecretFiles) -> list[ProcessSpec]:
    """The processes in the order in which they are shown."""
    programs = Path(sys.executable).parent
    inherited = _inherited()
    local = inherited | _as_environment(settings)

    def service(name: str, *after: str) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            command=(str(programs / f"maas-{name}"),),
            environment=inherited | service_environment(name, settings, state, secrets),
            log=state.log(name),
            probe=grpc_health(settings.grpc_address(name)),
            after=after,
        )

    def more_authz(number: int, port: int) -> ProcessSpec:
        name, first = f"authz-{number}", service("authz", "keys", "registry")
        environment = dict(first.environment) | {"MAAS_AUTHZ_PORT": str(port), "MAAS_AUTHZ_METRICS_PORT": "0"}
        return replace(first, name=name, environment=environment, log=state.log(name), probe=grpc_health(f"{HOST}:{port}"))

    def own(name: str, ready_at: str) -> ProcessSpec:
        return ProcessSpec(name, (str(programs / "maas-local"), name), local, state.log(name), http_ok(ready_at))

    return [
        own("issuer", f"{settings.issuer_url}/.well-known/openid-configuration"),
        own("model", f"http://{HOST}:{settings.model_port}/health"),
        service("keys"),
        service("registry"),
        service("authz", "keys", "registry"),
        *(more_authz(number, port) for number, port in enumerate(settings.more_authz_ports, 2)),
        service("ratelimit"),
        ProcessSpec(
            name="envoy",
            # Hot restart would let only one Envoy run on this machine, and it is not used.
            command=(
                str(settings.envoy),
                "-c",
                str(state.envoy_config),
                "--disable-hot-restart",
                "--log-level",
                "warning",
                "--file-flush-interval-msec",
                "1000",
            ),
            environment=inherited,
            log=state.log("envoy"),
            probe=http_ok(f"{settings.envoy_admin_url}/ready"),
            after=("authz", "ratelimit", "registry"),
        ),
    ]


def service_environment(name: str, settings: LocalSettings, state: StateFolder, secrets: SecretFiles) -> dict[str, str]:
    """The settings of one service."""
    given = {
        "HOST": HOST,
        "PORT": str(getattr(settings, f"{name}_port")),
        "METRICS_PORT": str(getattr(settings, f"{name}_metrics_port")),
        "WORKLOAD_SECRET_FILE": str(secrets.workload),
        "OIDC_ISSUER": settings.issuer_url,
        "MODEL_OWNER_GROUPS": json.dumps(["model-owners"]),
        "SHUTDOWN_GRACE_S": str(settings.stop_grace_s / 2),
    }
    own = {
        "keys": {
            "DATABASE_URL": _sqlite(state.database("keys")),
            "PEPPER_FILE": str(secrets.pepper),
            "REGISTRY_ADDRESS": settings.grpc_address("registry"),
        },
        "registry": {
            "DATABASE_URL": _sqlite(state.database("registry")),
            "KEYS_ADDRESS": settings.grpc_address("keys"),
            "ALLOWED_ENDPOINT_RANGES": json.dumps(["127.0.0.0/8"]),
        },
        "authz": {
            "PEPPER_FILE": str(secrets.pepper),
            "KEYS_ADDRESS": settings.grpc_address("keys"),
            "REGISTRY_ADDRESS": settings.grpc_address("registry"),
            "RATELIMIT_ADDRESS": settings.grpc_address("ratelimit"),
            "FOREIGN_KEY_PREFIXES": json.dumps(["sk-oai-"]),
        },
        "ratelimit": {"STATE_DIR": str(state.root / "ratelimit"), "KEYS_ADDRESS": settings.grpc_address("keys")},
    }
    prefix = f"MAAS_{name.upper()}_"
    return {f"{prefix}{key}": value for key, value in (given | own[name]).items()}


def _sqlite(path: Path) -> str:
    return f"sqlite:///{path}"


def _inherited() -> dict[str, str]:
    """Our own environment, but what is on this machine is asked without a proxy."""
    direct = ",".join(filter(None, [os.environ.get("no_proxy", ""), HOST, "localhost"]))
    return dict(os.environ) | {"no_proxy": direct, "NO_PROXY": direct, "PYTHONUNBUFFERED": "1"}


def _as_environment(settings: LocalSettings) -> dict[str, str]:
    prefix = str(settings.model_config["env_prefix"])
    return {f"{prefix}{name.upper()}": str(value) for name, value in settings.model_dump().items()}
