"""Settings that every service has. A service's own class adds to these and names its environment prefix."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError

from maas_common.auth.settings import SignInSettings
from maas_common.watch import WatchHub


class ServiceSettings(SignInSettings):
    """Read from the environment; each can be given as a command line option too, which wins."""

    model_config = SettingsConfigDict(cli_kebab_case=True, cli_avoid_json=True, extra="ignore", hide_input_in_errors=True)

    host: str = Field("127.0.0.1", description="Address that gRPC and /metrics listen on. Every method wants a credential wherever it is.")
    port: int = Field(description="gRPC port; 0 picks a free one.", ge=0, le=65535)
    metrics_port: int = Field(description="Port of Prometheus /metrics; 0 picks a free one.", ge=0, le=65535)
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level that is logged.")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: colours on a terminal, JSON elsewhere.")
    shutdown_grace_s: float = Field(10.0, description="How long calls in flight may take to finish when the service is told to stop.", ge=0)
    workload_secret_file: Path = Field(description="File with the credential that Envoy and the services show each other.")

    def workload_secret(self) -> SecretStr:
        """The workload credential; ValueError when its file is empty."""
        return read_secret(self.workload_secret_file)

    @classmethod
    def load(cls, program: str, about: str) -> Self:
        """Read environment and command line; `--help` lists every setting. Exits with 2 and says what is wrong, if it is."""
        prefix = cls.model_config.get("env_prefix", "")

        class Command(cls):  # type: ignore[misc, valid-type]
            pass

        Command.__doc__ = f"{about} Each option is also an environment variable: --log-level is {prefix}LOG_LEVEL."
        try:
            settings: Self = Command(_cli_parse_args=True, _cli_prog_name=program)
        except ValidationError as error:
            wrong = "".join(f"\n  {prefix}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
            print(f"{program}: settings are wrong or missing; `{program} --help` explains them{wrong}", file=sys.stderr)  # noqa: T201
            raise SystemExit(2) from None
        except SettingsError as error:
            print(f'{program}: {error}; want JSON there, like ["one", "two"]', file=sys.stderr)  # noqa: T201
            raise SystemExit(2) from None
        return settings


class WatchedServiceSettings(ServiceSettings):
    """Of a service that keeps a log of changes in a database, which others follow."""

    migrate_at_start: bool = Field(default=True, description="Bring the database's schema up to date before serving.")
    enforcement_wait_s: float = Field(
        1.0, description="How long a change waits for everybody to confirm it, before it returns with the names of those who lag.", ge=0
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
    heartbeat_s: float = Field(1.0, description="How often a watcher hears that nothing changed.", gt=0)

    def watch_hub(self) -> WatchHub:
        """Who follows this service's log, empty at the start."""
        return WatchHub(settle_s=self.settle_s, remember_s=self.remember_watchers_s)


def read_secret(path: Path) -> SecretStr:
    """A secret from a file, without surrounding white space; the message names the file, never its content."""
    text = path.read_text().strip()
    if not text:
        raise ValueError(f"{path}: the file is empty; want a secret in it")
    return SecretStr(text)
