"""Settings of the registry."""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from maas_common.settings import ServiceSettings
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict


def _api_server() -> list[IPv4Network | IPv6Network]:
    """The Kubernetes API server, which every pod is told of."""
    try:
        return [ip_network(ip_address(os.environ.get("KUBERNETES_SERVICE_HOST", "")))]
    except ValueError:
        return []


class RegistrySettings(ServiceSettings):
    """Environment: MAAS_REGISTRY_DATABASE_URL and so on."""

    # Inputs stay out of error messages: a database's URL may have a password in it.
    model_config = SettingsConfigDict(env_prefix="MAAS_REGISTRY_", hide_input_in_errors=True)

    port: int = Field(50053, description="gRPC port; 0 picks a free one.", ge=0, le=65535)
    metrics_port: int = Field(9053, description="Port of Prometheus /metrics; 0 picks a free one.", ge=0, le=65535)

    database_url: SecretStr = Field(
        SecretStr("sqlite:///.maas/registry.db"),
        description="Where the catalogue is kept: sqlite:///.maas/registry.db when absent, or "
        "postgresql+psycopg://user:password@host/name, which several registries may share.",
    )
    migrate_at_start: bool = Field(default=True, description="Bring the database to this version's schema before serving.")
    history: int = Field(1000, description="How many revisions back a watcher may resume from; further back it is sent everything.", ge=1)
    poll_s: float = Field(0.5, description="How soon changes made by another registry on the same database are noticed.", gt=0)
    enforcement_wait_s: float = Field(
        1.0,
        description="How long a change waits for Envoys and watchers to apply it before it returns with the names of those that lag.",
        ge=0,
    )
    settle_s: float = Field(
        3.0, description="How long after the start watchers may take to come back; until then no change is called enforced.", ge=0
    )
    remember_watchers_s: float = Field(
        300.0,
        description="How long a watcher whose connection broke may go on deciding by what it knew (authz: stale_after_s); "
        "for so long changes name it as lagging.",
        ge=0,
    )
    heartbeat_s: float = Field(1.0, description="How often a watcher is told that nothing has changed.", gt=0)

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
