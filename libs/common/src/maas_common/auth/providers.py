"""Identity providers: OpenID Connect issuers whose word counts, and what is read from their tokens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from maas_common.auth.principal import DEFAULT_TENANT

TENANT_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
ISSUER_PATTERN = r"^https?://[^\s|?#]+$"
"""A `|` would make two people's `<issuer>|<subject>` one."""

_Tenant = Annotated[str, Field(pattern=TENANT_PATTERN)]


class IdentityProvider(BaseModel):
    """One issuer. Claims are named as they are in the token; `realm_access.roles` is `roles` inside `realm_access`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=TENANT_PATTERN)]
    issuer: Annotated[str, Field(pattern=ISSUER_PATTERN)]
    """As tokens spell it in `iss`."""
    audiences: Annotated[tuple[str, ...], Field(min_length=1)] = ("maas",)
    """Tokens must carry one of them."""
    username_claim: str = "preferred_username"
    groups_claim: str = "groups"
    email_claim: str = "email"
    groups_prefix: str | None = None
    """Put before the name of every group, so that no provider can give those of another; `<name>:` when absent."""
    tenant: _Tenant = DEFAULT_TENANT
    tenant_claim: str = ""
    """Says which of `tenants` somebody belongs to, in place of `tenant`."""
    tenants: tuple[_Tenant, ...] = ()
    ca_file: Path | None = None
    """Authorities to trust for the issuer's own address; absent: the system's."""

    @property
    def prefix(self) -> str:
        """Of groups."""
        return f"{self.name}:" if self.groups_prefix is None else self.groups_prefix

    @model_validator(mode="after")
    def _has_one_way_to_a_tenant(self) -> Self:
        if bool(self.tenant_claim) != bool(self.tenants):
            raise ValueError("tenant_claim and tenants go together: the claim, and the tenants that it may name")
        if self.tenant_claim and "tenant" in self.model_fields_set:
            raise ValueError("tenant contradicts tenant_claim; want one of them")
        return self


def read_providers(file: Path) -> tuple[IdentityProvider, ...]:
    """The providers that a YAML file lists. ValueError names what is wrong and where."""
    try:
        providers = TypeAdapter(tuple[IdentityProvider, ...]).validate_python(yaml.safe_load(file.read_text()) or ())
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"{file}: {error}") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in error.errors())
        raise ValueError(f"{file}: {wrong}; want a list of providers, see docs/sign-in.md") from None
    return providers


def check_distinct(providers: tuple[IdentityProvider, ...]) -> None:
    """ValueError when two have one name or one issuer."""
    for field in ("name", "issuer"):
        values = [getattr(provider, field) for provider in providers]
        if twice := {value for value in values if values.count(value) > 1}:
            raise ValueError(f'identity providers: the {field} "{min(twice)}" is there twice; want each once')


def claim(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of that very name, else the one that the dotted path leads to; None when there is none."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
