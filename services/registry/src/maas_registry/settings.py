"""Settings of the registry."""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from maas_common.settings import WatchedServiceSettings
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict


def _api_server() -> list[IPv4Network | IPv6Network]:
    """The Kubernetes API server, which every pod is told of."""
    try:
        return [ip_network(ip_address(os.environ.get("KUBERNETES_SERVICE_HOST", "")))]
    except ValueError:
        return []


class RegistrySettings(WatchedServiceSettings):
    """Environment: MAAS_REGISTRY_DATABASE_URL and so on."""

    model_config = SettingsConfigDict(env_prefix="MAAS_REGISTRY_")

    port: int = Field(50053, description="gRPC port; 0 picks a free one.", ge=0, le=65535)
    metrics_port: int = Field(9053, description="Port of Prometheus /metrics; 0 picks a free one.", ge=0, le=65535)

    database_url: SecretStr = Field(
        SecretStr("sqlite:///.maas/registry.db"),
        description="Where the catalogue is kept: sqlite:///.maas/registry.db when absent, or "
        "postgresql+psycopg://user:password@host/name, which several registries may share.",
    )
    history: int = Field(1000, description="How many revisions back a watcher may resume from; further back it is sent everything.", ge=1)
    poll_s: float = Field(0.5, description="How soon changes made by another registry on the same database are noticed.", gt=0)

    keys_address: str = Field(
        "", description="host:port of the keys service, which is asked for roles that were assigned there; empty: those of settings alone."
    )

    allowed_endpoint_ranges: list[IPv4Network | IPv6Network] = Field(
        [],
        description="Ranges like 127.0.0.0/8 that models' servers may be in although they are loopback, link-local, metadata, multicast, "
        "unspecified or refused below. Private ranges are open anyway. A JSON list in the environment.",
    )
    refused_endpoint_ranges: list[IPv4Network | IPv6Network] = Field(
        default_factory=_api_server,
        description="More ranges that models' servers may not be in; the Kubernetes API server when absent and in a pod.",
    )
    resolve_timeout_s: float = Field(2.0, description="How long looking up the host of a model's URL may take.", gt=0)

    cluster_connect_timeout_s: float = Field(5.0, description="How long Envoy may take to connect to a model's server.", gt=0)
    cluster_ca_file: str = Field(
        "/etc/ssl/certs/ca-certificates.crt",
        description="Certificates of the authorities that vouch for https model servers: a file where Envoy runs.",
        min_length=1,
    )

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("want sqlite:///path or postgresql+psycopg://user:password@host/name")
        return url
