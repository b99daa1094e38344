"""Settings of who may sign in, by whose word, and which groups have which role."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from maas_common.auth.authenticator import Authenticator, ByIssuer
from maas_common.auth.json_http import JsonHttp
from maas_common.auth.jwt import TokenVerifier
from maas_common.auth.kubernetes import Cluster, TokenReviewer
from maas_common.auth.principal import DEFAULT_TENANT, EVERYBODY_SIGNED_IN
from maas_common.auth.providers import ISSUER_PATTERN, TENANT_PATTERN, IdentityProvider, check_distinct, read_providers
from maas_common.auth.role_source import RolesByGroup
from maas_common.auth.roles import Role
from maas_common.clock import Clock

_IN_A_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class SignInSettings(BaseSettings):
    """What every service that people call has."""

    oidc_issuer: str = Field(
        "",
        description="URL of the OpenID Connect issuer whose tokens people sign in with; its groups count as they are.",
        pattern=f"{ISSUER_PATTERN}|^$",
    )
    oidc_audience: str = Field("maas", description="Audience that its tokens must carry.")
    oidc_groups_claim: str = Field("groups", description="Claim with the caller's groups; dots lead into objects: realm_access.roles.")
    oidc_username_claim: str = Field("preferred_username", description="Claim with the caller's name for people.")
    oidc_email_claim: str = Field("email", description="Claim with the caller's email.")
    identity_providers_file: Path | None = Field(
        None, description="YAML list of more issuers, each with its claims, groups_prefix and tenant; see docs/sign-in.md."
    )
    kubernetes_api_url: str = Field(
        "",
        description="API server that is asked about tokens of no issuer above (TokenReview), like https://kubernetes.default.svc.",
        pattern="^(https://.+)?$",
    )
    kubernetes_token_file: Path = Field(_IN_A_POD / "token", description="Our token for it, which may create tokenreviews.")
    kubernetes_ca_file: Path = Field(_IN_A_POD / "ca.crt", description="Authority of its certificate.")
    kubernetes_audiences: list[str] = Field(
        ["maas"], description="Audiences, one of which its tokens must be meant for; none: for the API server itself."
    )
    kubernetes_groups_prefix: str = Field(
        "kubernetes:", description="Put before its groups' names, so that system:masters is nobody's administrator by accident."
    )
    kubernetes_tenant: str = Field(DEFAULT_TENANT, description="Tenant of those it vouches for.", pattern=TENANT_PATTERN)
    admin_groups: list[str] = Field(["maas-admins"], description="Groups whose members have the role admin.")
    model_owner_groups: list[str] = Field([], description="Groups whose members have the role model-owner.")
    model_consumer_groups: list[str] = Field(
        [EVERYBODY_SIGNED_IN], description="Groups whose members have the role model-consumer: they make API keys of their own."
    )

    def roles_by_group(self) -> RolesByGroup:
        """The roles that these settings give."""
        return RolesByGroup(
            {
                Role.ADMIN: self.admin_groups,
                Role.MODEL_OWNER: self.model_owner_groups,
                Role.MODEL_CONSUMER: self.model_consumer_groups,
            }
        )

    def identity_providers(self) -> tuple[IdentityProvider, ...]:
        """All that are configured. ValueError when they can't be."""
        providers = read_providers(self.identity_providers_file) if self.identity_providers_file else ()
        if self.oidc_issuer:
            first = IdentityProvider(
                name="oidc",
                issuer=self.oidc_issuer,
                audiences=(self.oidc_audience,),
                username_claim=self.oidc_username_claim,
                groups_claim=self.oidc_groups_claim,
                email_claim=self.oidc_email_claim,
                groups_prefix="",
            )
            providers = (first, *providers)
        check_distinct(providers)
        return providers

    def authenticator(self, clock: Clock) -> Authenticator:
        """Everybody's whose word counts; with nobody configured, nobody can sign in. ValueError when a file is missing or wrong."""
        known = {each.issuer: TokenVerifier(each, clock, JsonHttp(each.ca_file).get) for each in self.identity_providers()}
        if not self.kubernetes_api_url:
            return ByIssuer(known)
        cluster = Cluster(
            api_url=self.kubernetes_api_url,
            token_file=self.kubernetes_token_file,
            ca_file=self.kubernetes_ca_file,
            audiences=tuple(self.kubernetes_audiences),
            groups_prefix=self.kubernetes_groups_prefix,
            tenant=self.kubernetes_tenant,
        )
        return ByIssuer(known, TokenReviewer(cluster, clock))
