"""URLs of model servers: what is taken, in which form, and what is said of the others."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError
from maas_registry.core.endpoint import Endpoint


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "one_form"),
    [
        ("https://models.example.org/v1", "models.example.org", 443, "/v1", "https://models.example.org/v1"),
        ("http://vllm-0:8000/v1/", "vllm-0", 8000, "/v1", "http://vllm-0:8000/v1"),
        ("HTTP://Models.Example.ORG", "models.example.org", 80, "", "http://models.example.org"),
        ("https://models.example.org:443//", "models.example.org", 443, "", "https://models.example.org"),
        ("http://10.1.2.3/openai/v1", "10.1.2.3", 80, "/openai/v1", "http://10.1.2.3/openai/v1"),
        ("https://[2001:DB8::0:1]:8443/v1", "2001:db8::1", 8443, "/v1", "https://[2001:db8::1]:8443/v1"),
        ("http://a_b.example:/v1", "a_b.example", 80, "/v1", "http://a_b.example/v1"),
        ("https://xn--bcher-kva.example/a%20b", "xn--bcher-kva.example", 443, "/a%20b", "https://xn--bcher-kva.example/a%20b"),
    ],
)
def test_a_url_is_taken_apart_and_has_one_form(url, host, port, path, one_form):
    endpoint = Endpoint.parse(url)
    assert (endpoint.host, endpoint.port, endpoint.path, endpoint.url) == (host, port, path, one_form)
    assert Endpoint.parse(endpoint.url) == endpoint
    assert endpoint.is_tls == one_form.startswith("https")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://models.example.org/v1", 'scheme is "ftp"; want http or https'),
        ("models.example.org/v1", 'scheme is ""'),
        ("file:///etc/passwd", 'scheme is "file"'),
        ("https:///v1", "has no host"),
        ("https://user:hunter2@models.example.org/v1", "has credentials"),
        ("https://@models.example.org/v1", "has credentials"),
        ("https://models.example.org/v1?key=hunter2", "has a query or a fragment"),
        ("https://models.example.org/v1?", "has a query or a fragment"),
        ("https://models.example.org/v1#top", "has a query or a fragment"),
        ("https://models.example.org:0/v1", "port that is none; want 1 to 65535"),
        ("https://models.example.org:65536/v1", "port that is none"),
        ("https://models.example.org:http/v1", "port that is none"),
        ("https://models example.org/v1", "characters that no URL has"),
        ("https://models.example.org/v1\n", "characters that no URL has"),
        ("https://bücher.example/v1", "xn--"),
        ("https://models.example.org\\@127.0.0.1/v1", "characters that no URL has"),
        ("https://[::1/v1", "is no URL"),
        ("https://[fe80::1%eth0]/v1", "has a zone"),
        ("https://2130706433/v1", "neither a host name nor an IP address"),
        ("https://127.1/v1", "neither a host name nor an IP address"),
        ("https://0x7f.0x1/v1", "neither a host name nor an IP address"),
        ("https://-a.example/v1", "neither a host name nor an IP address"),
        ("https://models.example.org./v1", "neither a host name nor an IP address"),
        (f"https://{'a.' * 127}example/v1", "neither a host name nor an IP address"),
        (f"https://{'a' * 64}.example/v1", "neither a host name nor an IP address"),
        ("https://models.example.org/v1/../admin", "has . or .. in it"),
        ("https://models.example.org/v1/%2E%2e/admin", "has . or .. in it"),
        ("https://models.example.org/v1/%zz", "characters that no path has"),
        ('https://models.example.org/v1/"', "characters that no path has"),
    ],
)
def test_what_no_model_server_has_is_refused_by_field(url, complaint):
    with pytest.raises(InvalidArgumentError) as caught:
        Endpoint.parse(url)
    assert [violation.field for violation in caught.value.violations] == ["url"]
    assert complaint in caught.value.message
    assert "hunter2" not in caught.value.message


def test_an_address_is_told_from_a_name():
    assert str(Endpoint.parse("http://10.1.2.3").address) == "10.1.2.3"
    assert str(Endpoint.parse("http://[2001:db8::1]").address) == "2001:db8::1"
    assert Endpoint.parse("http://vllm").address is None
