"""Settings of a local run: where its state lies and which ports it takes. All of it listens on loopback only."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

HOST = "127.0.0.1"
ENV_PREFIX = "MAAS_LOCAL_"
_LISTENABLE = range(20_000, 32_000)
"""Below the range from which Linux takes ports for outgoing connections, so that none of those gets in between."""


@dataclass(frozen=True, slots=True)
class PortInUse:
    """One port that the suite listens on: `what` for people, `setting` the environment variable that moves it."""

    what: str
    setting: str
    number: int


class LocalSettings(BaseSettings):
    """Read from the environment: MAAS_LOCAL_STATE, MAAS_LOCAL_GATEWAY_PORT and so on."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="ignore", frozen=True)

    state: Path = Field(Path(".maas"), description="Folder with everything that a run keeps: secrets, databases, logs.")
    config: Path = Field(Path("config"), description="Folder with the sample catalogue and people.")
    envoy: Path = Field(Path(".tools/envoy/bin/envoy"), description="The Envoy program.")

    gateway_port: int = Field(8080, ge=1, le=65535, description="Where applications send their requests.")
    rest_port: int = Field(8081, ge=1, le=65535, description="Management over REST.")
    issuer_port: int = Field(8082, ge=1, le=65535, description="The local sign-in.")
    model_port: int = Field(8090, ge=1, le=65535, description="The model server.")
    envoy_admin_port: int = Field(9901, ge=1, le=65535, description="Envoy's own administration page.")
    authz_port: int = Field(50051, ge=1, le=65535, description="authz, gRPC.")
    ratelimit_port: int = Field(50052, ge=1, le=65535, description="ratelimit, gRPC.")
    registry_port: int = Field(50053, ge=1, le=65535, description="registry, gRPC.")
    keys_port: int = Field(50054, ge=1, le=65535, description="keys, gRPC.")
    authz_metrics_port: int = Field(9051, ge=1, le=65535, description="authz, /metrics.")
    ratelimit_metrics_port: int = Field(9052, ge=1, le=65535, description="ratelimit, /metrics.")
    registry_metrics_port: int = Field(9053, ge=1, le=65535, description="registry, /metrics.")
    keys_metrics_port: int = Field(9054, ge=1, le=65535, description="keys, /metrics.")

    more_authz_ports: list[int] = Field([], description="gRPC ports of more authz workers, which Envoy asks in turn.")

    start_timeout_s: float = Field(180.0, gt=0, description="How long the first start may take until everything is ready.")
    stop_grace_s: float = Field(5.0, gt=0, description="How long a process may take to end by itself before it is killed.")

    @classmethod
    def on_free_ports(cls, **given: Any) -> Self:
        """Settings with every port picked at random among the free ones; `given` wins."""
        names = [name for name in cls.model_fields if name.endswith("_port")]
        return cls(**(dict(zip(names, free_ports(len(names)), strict=True)) | given))

    def ports(self) -> list[PortInUse]:
        """Every port that the suite is about to listen on."""
        fields = type(self).model_fields
        return [
            PortInUse(name.removesuffix("_port").replace("_", " "), f"{ENV_PREFIX}{name.upper()}", getattr(self, name))
            for name in fields
            if name.endswith("_port")
        ]

    @property
    def gateway_url(self) -> str:
        """Where applications send their requests."""
        return f"http://{HOST}:{self.gateway_port}"

    @property
    def rest_url(self) -> str:
        """Management over REST."""
        return f"http://{HOST}:{self.rest_port}"

    @property
    def issuer_url(self) -> str:
        """The local sign-in; also the `iss` of its tokens."""
        return f"http://{HOST}:{self.issuer_port}"

    @property
    def model_url(self) -> str:
        """The model server, as OpenAI clients take it."""
        return f"http://{HOST}:{self.model_port}/v1"

    @property
    def envoy_admin_url(self) -> str:
        """Envoy's own administration page."""
        return f"http://{HOST}:{self.envoy_admin_port}"

    def grpc_address(self, service: str) -> str:
        """host:port of one of the four services."""
        return f"{HOST}:{getattr(self, f'{service}_port')}"


def free_ports(count: int) -> list[int]:
    """That many different loopback ports on which nothing listens now."""
    found: list[int] = []
    with ExitStack() as held:
        for port in random.sample(_LISTENABLE, len(_LISTENABLE)):
            if len(found) == count:
                return found
            one = held.enter_context(socket.socket())
            try:
                one.bind((HOST, port))
            except OSError:
                continue
            found.append(port)
    raise OSError(f"no {count} free ports between {_LISTENABLE.start} and {_LISTENABLE.stop}")
