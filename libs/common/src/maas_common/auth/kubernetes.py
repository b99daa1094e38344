"""Tokens that a Kubernetes cluster vouches for: service accounts', and of whoever else its API server knows (TokenReview v1)."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from cachetools import TTLCache

from maas_common.auth.authenticator import INVALID_TOKEN
from maas_common.auth.claims import checked_subject, groups_of
from maas_common.auth.json_http import JsonHttp
from maas_common.auth.principal import Principal
from maas_common.clock import Clock
from maas_common.errors import UnauthenticatedError, UnavailableError

log = structlog.get_logger(__name__)

ISSUER = "kubernetes"
REMEMBERED_S = 10.0
_REMEMBERED = 10_000
_AT_ONCE = 8
"""Reviews under way: junk must not become a flood on the API server."""

_Answer = tuple[Principal | None]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster whose word counts."""

    api_url: str
    token_file: Path
    """Our own token for the API server; read for each review, since it is rotated."""
    ca_file: Path
    audiences: tuple[str, ...]
    """Tokens must be meant for one of them; none: for the API server itself."""
    groups_prefix: str
    tenant: str


class TokenReviewer:
    """An Authenticator that asks the API server. Its answers are remembered for a moment, by the SHA-256 of the token."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        """ValueError when the cluster's authority can't be read."""
        self._cluster = cluster
        self._clock = clock
        self._http = JsonHttp(cluster.ca_file)
        self._answers: TTLCache[bytes, _Answer] = TTLCache(_REMEMBERED, REMEMBERED_S, timer=clock.now)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def authenticate(self, token: str) -> Principal:
        """See Authenticator."""
        digest = hashlib.sha256(token.encode()).digest()
        answer = self._answers.get(digest)
        if answer is None:
            async with self._turns:
                status = await asyncio.to_thread(self._review, token)
            answer = self._answers[digest] = (self._principal(status),)
        (principal,) = answer
        if principal is None:
            raise UnauthenticatedError(INVALID_TOKEN)
        return principal

    def _review(self, token: str) -> dict[str, Any]:
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": list(self._cluster.audiences)},
        }
        url = self._cluster.api_url.rstrip("/") + "/apis/authentication.k8s.io/v1/tokenreviews"
        try:
            status = self._http.post(url, review, token=self._cluster.token_file.read_text().strip())["status"]
            if not isinstance(status, dict):
                raise TypeError("its status is no object")  # noqa: TRY301 - as what else may be wrong with it
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            log.warning("token not reviewed", api=self._cluster.api_url, error=f"{type(error).__name__}: {error}")
            raise UnavailableError("the Kubernetes API server can't be asked about the token just now; try again") from None
        return status

    def _principal(self, status: dict[str, Any]) -> Principal | None:
        """An API server that knows no audiences names none: then the token may be meant for anybody."""
        user, audiences = status.get("user"), status.get("audiences")
        wanted = set(self._cluster.audiences)
        is_ours = not wanted or (isinstance(audiences, list) and not wanted.isdisjoint(audiences))
        if status.get("authenticated") is not True or not is_ours or not isinstance(user, dict):
            log.info("token refused", provider=ISSUER, error=str(status.get("error", "")) or "not authenticated, or for another audience")
            return None
        try:
            username = checked_subject(user.get("username"))
        except ValueError as error:
            log.info("token refused", provider=ISSUER, error=str(error))
            return None
        return Principal(
            issuer=ISSUER,
            subject=username,
            username=username,
            groups=groups_of(user.get("groups"), self._cluster.groups_prefix),
            tenant=self._cluster.tenant,
            issued_at=int(self._clock.now()),
        )
