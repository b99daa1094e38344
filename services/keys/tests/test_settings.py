"""Settings of the service."""

from __future__ import annotations

from maas_keys.core.tenant_people import Provider
from maas_keys.settings import KeysSettings

PROVIDERS = """
- {name: acme, issuer: "https://acme", tenant: acme}
- {name: both, issuer: "https://both", tenant_claim: org, tenants: [globex, initech], groups_prefix: ""}
"""


def test_every_provider_gives_people_to_its_tenants(files, tmp_path):
    (tmp_path / "providers.yaml").write_text(PROVIDERS)
    settings = KeysSettings(
        **files,
        oidc_issuer="https://main",
        identity_providers_file=tmp_path / "providers.yaml",
        kubernetes_api_url="https://cluster",
        kubernetes_tenant="acme",
    )
    assert settings.tenant_people().providers == (
        Provider("https://main", ("default",), ""),
        Provider("https://acme", ("acme",), "acme:"),
        Provider("https://both", ("globex", "initech"), ""),
        Provider("kubernetes", ("acme",), "kubernetes:"),
    )


def test_with_no_providers_there_are_no_people(files):
    assert KeysSettings(**files).tenant_people().providers == ()
