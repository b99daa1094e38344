"""Settings of ratelimit."""

from __future__ import annotations

from pathlib import Path

from maas_common.server import Engine
from maas_common.settings import ServiceSettings
from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from maas_ratelimit.adapters.guarded.substitute import OnStoreError
from maas_ratelimit.adapters.redis.options import HashTag
from maas_ratelimit.core.headers import HeaderSet

_YEAR_S = 366 * 86400


class RatelimitSettings(ServiceSettings):
    """Read from MAAS_RATELIMIT_… and from the command line."""

    model_config = SettingsConfigDict(env_prefix="MAAS_RATELIMIT_")

    port: int = Field(50052, description="gRPC port; 0 picks a free one.", ge=0, le=65535)
    metrics_port: int = Field(9052, description="Port of Prometheus /metrics; 0 picks a free one.", ge=0, le=65535)
    engine: Engine = Field("native", description="What serves ShouldRateLimit: native (HTTP/2 in Rust, quicker) or grpcio.")
    state_dir: Path = Field(
        Path(".maas/ratelimit"),
        description="Folder of the journal of counters in memory. Two processes can't share one. Not used with Redis.",
    )
    keys_address: str = Field(
        "127.0.0.1:50054", description="host:port of the keys service, which takes in what was used and knows who has which role."
    )
    headers: list[HeaderSet] = Field(
        ["x-ratelimit", "openai"],
        description="Rate limit headers on answers: x-ratelimit, openai (…-requests and …-tokens), ietf (RateLimit, RateLimit-Policy).",
    )
    reservation_ttl_s: float = Field(
        3600.0,
        description="When no settle came this long after an admission, its reservation is released. Longer than any stream.",
        gt=0,
        le=_YEAR_S,
    )
    settled_ttl_s: float = Field(
        600.0, description="How long a second settle of the same request is known for one, and ignored.", gt=0, le=_YEAR_S
    )
    strict_output_tokens: int = Field(
        4096, description="Most output tokens of a request that names no maximum itself, in tiers that are strict.", ge=1
    )
    max_usage_events: int = Field(
        10_000_000, description="Usage events kept until the keys service has taken them; past it the oldest are dropped.", ge=1
    )
    max_counters: int = Field(1_000_000, description="Counters kept in memory; past it requests are refused with 503.", ge=1)
    max_reservations: int = Field(1_000_000, description="Requests in flight; past it requests are refused with 503.", ge=1)
    redis_url: str = Field(
        "", description="Count in Redis or Valkey: redis://, rediss:// (TLS) or unix://. Empty: in memory, one process. See docs/redis.md."
    )
    redis_username: str = Field("", description="ACL user; empty: default.")
    redis_password_file: Path | None = Field(None, description="File with its password.")
    redis_ca_file: Path | None = Field(None, description="Authority of the server's certificate; absent: the system's.")
    redis_cert_file: Path | None = Field(None, description="Our certificate, if the server wants one.")
    redis_key_file: Path | None = Field(None, description="Its key.")
    redis_sentinels: list[str] = Field(
        [], description="host:port of each Sentinel; then redis_url counts only for its scheme and database."
    )
    redis_service: str = Field("", description="The master's name among the Sentinels.")
    redis_sentinel_username: str = Field("", description="ACL user at the Sentinels.")
    redis_sentinel_password_file: Path | None = Field(None, description="File with its password.")
    redis_cluster: bool = Field(default=False, description="redis_url names a node of a Redis Cluster.")
    redis_timeout_s: float = Field(
        0.25, description="No call waits longer for Redis. Less than half of the gateway's own timeout.", gt=0, le=60
    )
    redis_prefix: str = Field("maas", description="Of every key.", min_length=1)
    redis_hash_tag: HashTag = Field("tenant", description="What shares a node of a cluster: all that is a tenant's, or a subject's.")
    on_store_error: OnStoreError = Field(
        "deny",
        description="While Redis is away: deny refuses with 503; allow lets all pass, and charges it later; local counts in this process.",
    )
    max_spooled: int = Field(100_000, description="Ended requests kept until Redis is back; past it the oldest are lost.", ge=1)

    @field_validator("redis_sentinels", "redis_cluster")
    @classmethod
    def _has_url(cls, given: list[str] | bool, info: ValidationInfo) -> list[str] | bool:  # noqa: FBT001 - a value of either
        """Without the URL this would count in memory, in silence."""
        if given and not info.data.get("redis_url"):
            raise ValueError("redis_url is missing; want it too, like redis://host:6379/0")
        return given
