"""How the Redis of the counters is reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

HashTag: TypeAlias = Literal["tenant", "subject"]


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """One server, a master that Sentinels know, or a cluster; Redis 6.2 or newer, or Valkey."""

    url: str = "redis://127.0.0.1:6379/0"
    """`redis://`, `rediss://` (TLS) or `unix://`. With Sentinels only its scheme and database count; of a cluster it names any node."""
    username: str = ""
    """ACL user; empty: `default`."""
    password_file: Path | None = None
    ca_file: Path | None = None
    """Of whom the server's certificate has to be; None: the system's authorities."""
    cert_file: Path | None = None
    """Our certificate, if the server wants one."""
    key_file: Path | None = None
    sentinels: tuple[str, ...] = ()
    """`host:port` of each."""
    service: str = ""
    """The master's name among the Sentinels."""
    sentinel_username: str = ""
    sentinel_password_file: Path | None = None
    cluster: bool = False
    timeout_s: float = 0.25
    """No call takes longer."""
    prefix: str = "maas"
    """Of every key, inside its hash tag: `{maas:<tenant>}`."""
    hash_tag: HashTag = "tenant"
    """What is kept on one node of a cluster: all that is a tenant's; or a subject's, for tenants too large for one node.

    Then a claim over several subjects is made at each, and undone where it was taken when another refuses: it may refuse falsely for a
    moment, and never admits more.
    """
    reservation_ttl_s: float = 3600.0
    settled_ttl_s: float = 600.0
    """How long a second settle of a request is known for one."""
