"""From what an issuer says about somebody to a principal. Nothing in it is trusted to be of the type that it should be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from maas_common.auth.principal import EVERYBODY_SIGNED_IN, Principal
from maas_common.auth.providers import IdentityProvider, claim

_TEXT = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]"
_SUBJECT = re.compile(_TEXT + "{1,255}")
"""As long as OpenID Connect allows. Control characters part fields in what is counted and billed: with them two people could become one."""
_LINE = re.compile(_TEXT + "{1,256}")


def checked_subject(subject: object) -> str:
    """A subject that can't be taken for another; ValueError when it could."""
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise ValueError("the subject is no text, empty, too long, or has control characters")
    return subject


def groups_of(named: object, prefix: str) -> tuple[str, ...]:
    """Groups as a list or as a single text names them, each once, and the group of everybody; what can be no group's name is left out."""
    names = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    groups = [prefix + name for name in names if _line(name)]
    return tuple(dict.fromkeys([*(group for group in groups if _line(group)), EVERYBODY_SIGNED_IN]))


def principal_of(provider: IdentityProvider, claims: Mapping[str, Any], *, now: float) -> Principal:
    """Whom verified claims describe. ValueError when they name no subject, or no tenant of the provider."""
    subject = checked_subject(claims.get("sub"))
    return Principal(
        issuer=provider.issuer,
        subject=subject,
        username=_line(claim(claims, provider.username_claim)) or subject,
        groups=groups_of(claim(claims, provider.groups_claim), provider.prefix),
        tenant=_tenant(provider, claims),
        email="" if claims.get("email_verified") is False else _line(claim(claims, provider.email_claim)),
        issued_at=int(claims.get("iat", now)),
    )


def _tenant(provider: IdentityProvider, claims: Mapping[str, Any]) -> str:
    if not provider.tenant_claim:
        return provider.tenant
    named = claim(claims, provider.tenant_claim)
    if named not in provider.tenants:
        raise ValueError(f"{provider.tenant_claim} names none of the provider's tenants")
    return str(named)


def _line(value: object) -> str:
    return value if isinstance(value, str) and _LINE.fullmatch(value) else ""
