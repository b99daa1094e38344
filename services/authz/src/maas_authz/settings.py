"""Every setting of authz."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from maas_common.apikey import DEFAULT_PREFIX, Peppers
from maas_common.settings import ServiceSettings
from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict


class AuthzSettings(ServiceSettings):
    """Environment prefix MAAS_AUTHZ_."""

    model_config = SettingsConfigDict(env_prefix="MAAS_AUTHZ_")

    port: int = Field(50051, description="gRPC port; 0 picks a free one.", ge=0, le=65535)
    metrics_port: int = Field(9051, description="Port of Prometheus /metrics; 0 picks a free one.", ge=0, le=65535)
    engine: Literal["native", "grpcio"] = Field("native", description="What serves Check: native (HTTP/2 in Rust, fast) or grpcio.")

    keys_address: str = Field("127.0.0.1:50054", description="host:port of the keys service.")
    registry_address: str = Field("127.0.0.1:50053", description="host:port of the registry service.")
    ratelimit_address: str = Field(
        "127.0.0.1:50052", description="host:port of the ratelimit service, asked when people read their quota; decisions don't need it."
    )
    stale_after_s: float = Field(
        300.0, description="How long what is known stays valid after keys or registry last confirmed it; then requests get 503.", gt=0
    )

    pepper_file: Path = Field(
        description="File with the secrets that keys are hashed with, lines of <id>:<64 hex digits>; keys has the same."
    )
    key_prefix: str = Field(DEFAULT_PREFIX, description="What every API key begins with; keys has the same.", min_length=1)
    key_cache_size: int = Field(100_000, description="How many API keys are remembered.", ge=1)
    unknown_key_cache_size: int = Field(10_000, description="How many ids that are no key's are remembered.", ge=1)
    unknown_key_ttl_s: float = Field(30.0, description="For how long.", gt=0)
    key_lookup_timeout_s: float = Field(0.5, description="How long a look-up of a key at the keys service may take.", gt=0)
    unknown_key_lookups_burst: int = Field(
        200,
        description="How many look-ups of keys may turn out to be for nothing at once (and so how many are on their way at once); "
        "past it, keys not yet remembered get 503.",
        ge=1,
    )
    unknown_key_lookups_per_s: float = Field(20.0, description="How many such look-ups a second are allowed in the long run.", gt=0)
    foreign_key_prefixes: list[str] = Field(
        [],
        description="What keys begin with that another system made and the keys service imported. They carry no checksum: whatever begins "
        "so is looked up.",
    )
    foreign_key_lookups_burst: int = Field(100, description="As unknown_key_lookups_burst, of keys that another system made.", ge=1)
    foreign_key_lookups_per_s: float = Field(10.0, description="As unknown_key_lookups_per_s, of keys that another system made.", gt=0)

    trusted_hops: int = Field(
        0,
        description="How many proxies in front of the gateway are trusted to tell in x-forwarded-for whom they speak for. 0: a key is used "
        "from where the gateway's connection comes from; else from the address that many places before the one that the gateway added.",
        ge=0,
        le=16,
    )
    last_used_every_s: float = Field(30.0, description="How often the keys service is told when keys were last used.", gt=0)

    @model_validator(mode="after")
    def _foreign_prefixes_are_foreign(self) -> Self:
        for prefix in self.foreign_key_prefixes:
            if not prefix or prefix.startswith(self.key_prefix):
                raise ValueError(
                    f'foreign_key_prefixes "{prefix}": want what no key of ours begins with; ours begin with {self.key_prefix}'
                )
        return self

    def peppers(self) -> Peppers:
        """The peppers; ValueError names the file and line that is wrong."""
        try:
            return Peppers.parse(self.pepper_file.read_text())
        except ValueError as error:
            raise ValueError(f"{self.pepper_file}: {error}") from None
