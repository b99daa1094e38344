"""Every setting of the keys service."""

from __future__ import annotations

from socket import gethostname

from maas_common.auth import kubernetes
from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from maas_keys.core.lifetime import Lifetime
from maas_keys.core.tenant_people import Provider, TenantPeople
from maas_keys.terms_settings import TermsSettings


class KeysSettings(TermsSettings):
    """Environment prefix MAAS_KEYS_."""

    model_config = SettingsConfigDict(env_prefix="MAAS_KEYS_")

    port: int = Field(50054, description="gRPC port; 0 picks a free one.", ge=0, le=65535)
    metrics_port: int = Field(9054, description="Port of Prometheus /metrics; 0 picks a free one.", ge=0, le=65535)
    database_url: str = Field(
        "sqlite:///.maas/keys.db",
        description="Where keys are kept: sqlite:///<path>, or for replicas postgresql+psycopg://<user>@<host>/<database>. "
        "The database belongs to this service alone.",
        repr=False,
    )
    registry_address: str = Field("127.0.0.1:50053", description="host:port of the registry service, which knows the tiers.")
    poll_s: float = Field(0.2, description="How often the database is asked what other replicas changed, and whether it answers.", gt=0)
    history: int = Field(
        10_000, description="How many changes are kept for watchers that come back; one that missed more starts anew.", ge=1, le=100_000
    )
    ephemeral_keep: str = Field("1h", description="How long ephemeral keys are kept after they expired.")
    cleanup_every_s: float = Field(60.0, description="How often ephemeral keys that are to be kept no longer are looked for.", gt=0)
    replica_name: str = Field(
        default_factory=gethostname,
        description="What the watchers of this process are said to be connected to, where there are replicas; the machine's name.",
    )
    replica_heartbeat_s: float = Field(
        1.0, description="How often replicas tell each other that they are there; one that is silent for five of these is lost.", gt=0
    )

    @field_validator("ephemeral_keep")
    @classmethod
    def _keep_is_lifetime(cls, text: str) -> str:
        Lifetime.parse(text)
        return text

    def tenant_people(self) -> TenantPeople:
        """Who signs people in to which tenant. ValueError when the providers can't be read."""
        providers = [Provider(each.issuer, each.tenants or (each.tenant,), each.prefix) for each in self.identity_providers()]
        if self.kubernetes_api_url:
            providers.append(Provider(kubernetes.ISSUER, (self.kubernetes_tenant,), self.kubernetes_groups_prefix))
        return TenantPeople(tuple(providers))
