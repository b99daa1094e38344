"""The file of identity providers: what it may say, and what is said about a wrong one."""

from __future__ import annotations

import pytest
from maas_common.auth.providers import check_distinct, read_providers

CORP = "name: corp, issuer: 'https://login.example.org'"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "providers.yaml"


def test_a_provider_needs_a_name_and_an_issuer_and_the_rest_has_defaults(file):
    file.write_text(f"- {{{CORP}}}")
    (provider,) = read_providers(file)
    assert (provider.audiences, provider.prefix, provider.tenant) == (("maas",), "corp:", "default")


@pytest.mark.parametrize("text", ["", "[]", "# nobody yet"])
def test_an_empty_file_is_a_file_of_none(file, text):
    file.write_text(text)
    assert read_providers(file) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {name: corp}", "0.issuer: Field required"),
        (f"- {{{CORP}}}\n- {{name: Corp Two, issuer: 'https://b.example'}}", "1.name: String should match pattern"),
        ("- {name: corp, issuer: login.example.org}", "0.issuer: String should match pattern"),
        ("- {name: corp, issuer: 'https://a|b'}", "0.issuer: String should match pattern"),
        (f"- {{{CORP}, audience: maas}}", "0.audience: Extra inputs are not permitted"),
        (f"- {{{CORP}, audiences: []}}", "0.audiences: "),
        (f"- {{{CORP}, tenant_claim: org}}", "tenant_claim and tenants go together"),
        (f"- {{{CORP}, tenants: [acme]}}", "tenant_claim and tenants go together"),
        (f"- {{{CORP}, tenant: acme, tenant_claim: org, tenants: [acme]}}", "tenant contradicts tenant_claim"),
        (f"- {{{CORP}, tenant_claim: org, tenants: [No Name]}}", "0.tenants.0: String should match pattern"),
        ("name: corp", "the file: "),
        ("- {", "while parsing"),
    ],
)
def test_what_is_wrong_is_named_with_the_file_and_the_place(file, text, message):
    file.write_text(text)
    with pytest.raises(ValueError, match=r"providers\.yaml") as caught:
        read_providers(file)
    assert message in str(caught.value)


def test_a_missing_file_is_named(file):
    with pytest.raises(ValueError, match=r"providers\.yaml: .*No such file"):
        read_providers(file)


@pytest.mark.parametrize(("field", "value"), [("name", "corp"), ("issuer", "https://login.example.org")])
def test_two_of_one_name_or_of_one_issuer_are_refused(file, field, value):
    other = {"name": "other", "issuer": "https://other.example"} | {field: value}
    file.write_text(f"- {{{CORP}}}\n- {other}")
    with pytest.raises(ValueError, match=f'the {field} "{value}" is there twice'):
        check_distinct(read_providers(file))
