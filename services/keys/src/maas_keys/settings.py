"""Every setting of the keys service."""

from __future__ import annotations

from pathlib import Path
from socket import gethostname
from typing import Self

from maas_common.apikey import DEFAULT_PREFIX, Peppers
from maas_common.auth.principal import EVERYBODY_SIGNED_IN
from maas_common.settings import WatchedServiceSettings, read_secret
from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from maas_keys.core.creation import Terms
from maas_keys.core.lifetime import Lifetime


class KeysSettings(WatchedServiceSettings):
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
    pepper_file: Path = Field(
        description="File with the secrets that keys are hashed with, lines of <id>:<64 hex digits>; new keys get the first. "
        "A key whose pepper is taken out works no more."
    )
    key_prefix: str = Field(DEFAULT_PREFIX, description="What new keys begin with.", pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")
    default_expiry: str = Field("90d", description="How long a key lives when nobody says: <n>s, m, h or d.")
    max_expiry: str = Field("90d", description="How long a key may live at most.")
    poll_s: float = Field(0.2, description="How often the database is asked what other replicas changed, and whether it answers.", gt=0)
    history: int = Field(
        10_000, description="How many changes are kept for watchers that come back; one that missed more starts anew.", ge=1, le=100_000
    )

    groups_max_age: str = Field("30d", description="How long groups that a token vouched for are relied on without a new sign-in.")
    ephemeral_keep: str = Field("1h", description="How long ephemeral keys are kept after they expired.")
    cleanup_every_s: float = Field(60.0, description="How often ephemeral keys that are to be kept no longer are looked for.", gt=0)
    replica_name: str = Field(
        default_factory=gethostname,
        description="What the watchers of this process are said to be connected to, where there are replicas; the machine's name.",
    )
    replica_heartbeat_s: float = Field(
        1.0, description="How often replicas tell each other that they are there; one that is silent for five of these is lost.", gt=0
    )

    @field_validator("default_expiry", "max_expiry", "groups_max_age", "ephemeral_keep")
    @classmethod
    def _is_lifetime(cls, text: str) -> str:
        Lifetime.parse(text)
        return text

    @model_validator(mode="after")
    def _default_is_allowed(self) -> Self:
        if Lifetime.parse(self.default_expiry).seconds > Lifetime.parse(self.max_expiry).seconds:
            raise ValueError(f"default_expiry {self.default_expiry} is longer than max_expiry {self.max_expiry}")
        return self

    def terms(self) -> Terms:
        """What keys are made by; OSError or ValueError that names the pepper file when it can't be read."""
        try:
            peppers = Peppers.parse(read_secret(self.pepper_file).get_secret_value())
        except ValueError as error:
            raise ValueError(f"{self.pepper_file}: {error}") from None
        return Terms(
            prefix=self.key_prefix,
            default_lifetime=Lifetime.parse(self.default_expiry),
            longest_lifetime=Lifetime.parse(self.max_expiry),
            everybody=EVERYBODY_SIGNED_IN,
            peppers=peppers,
        )
