"""Settings of ratelimit."""

from __future__ import annotations

from pathlib import Path

from maas_common.server import Engine
from maas_common.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from maas_ratelimit.core.headers import HeaderSet


class RatelimitSettings(ServiceSettings):
    """Read from MAAS_RATELIMIT_… and from the command line."""

    model_config = SettingsConfigDict(env_prefix="MAAS_RATELIMIT_")

    port: int = Field(50052, description="gRPC port; 0 picks a free one.", ge=0, le=65535)
    metrics_port: int = Field(9052, description="Port of Prometheus /metrics; 0 picks a free one.", ge=0, le=65535)
    engine: Engine = Field("native", description="What serves ShouldRateLimit: native (HTTP/2 in Rust, quicker) or grpcio.")
    state_dir: Path = Field(Path(".maas/ratelimit"), description="Folder that says which process counts; two processes can't share one.")
    headers: list[HeaderSet] = Field(
        ["x-ratelimit", "openai"],
        description="Rate limit headers on answers: x-ratelimit, openai (…-requests and …-tokens), ietf (RateLimit, RateLimit-Policy).",
    )
    reservation_ttl_s: float = Field(
        3600.0, description="When no settle came this long after an admission, its reservation is released. Longer than any stream.", gt=0
    )
    settled_ttl_s: float = Field(600.0, description="How long a second settle of the same request is known for one, and ignored.", gt=0)
    strict_output_tokens: int = Field(
        4096, description="Most output tokens of a request that names no maximum itself, in tiers that are strict.", ge=1
    )
    max_usage_events: int = Field(
        10_000_000, description="Usage events kept until the keys service has taken them; past it the oldest are dropped.", ge=1
    )
    max_counters: int = Field(1_000_000, description="Counters kept in memory; past it requests are refused with 503.", ge=1)
    max_reservations: int = Field(1_000_000, description="Requests in flight; past it requests are refused with 503.", ge=1)
