"""JSON from servers that are who they say, and nowhere else."""

from __future__ import annotations

import pytest
from maas_common.auth.json_http import JsonHttp


def test_a_server_is_believed_by_the_authority_that_was_named_and_by_no_other(serving, certificate):
    with serving(lambda asked: (200, {"path": asked.path})) as url:
        assert JsonHttp(certificate[0]).get(url + "/x") == {"path": "/x"}
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            JsonHttp().get(url)


def test_documents_are_sent_with_the_token_and_answers_of_any_success_are_read(serving, certificate):
    with serving(lambda asked: (201, [asked.document, asked.headers["Authorization"], asked.headers["Content-Type"]])) as url:
        answer = JsonHttp(certificate[0]).post(url, {"a": 1}, token="t")
    assert answer == [{"a": 1}, "Bearer t", "application/json"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((302, {}, {"location": "http://127.0.0.1:1/elsewhere"}), "302"),
        ((500, {}), "500"),
        ((200, b"no JSON"), "Expecting value"),
        ((200, b'"' + b"x" * 2**20 + b'"'), "more than 1048576 bytes"),
    ],
    ids=["redirect", "failure", "text", "flood"],
)
def test_what_is_no_document_is_an_error(serving, certificate, answer, error):
    with serving(lambda _: answer) as url, pytest.raises((OSError, ValueError), match=error):
        JsonHttp(certificate[0]).get(url)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:text/plain,1"])
def test_other_schemes_are_refused(url):
    with pytest.raises(ValueError, match="want an http or https URL"):
        JsonHttp().get(url)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_authorities_that_is_none_is_named(tmp_path, content):
    file = tmp_path / "ca.crt"
    if content:
        file.write_text(content)
    with pytest.raises(ValueError, match=r"ca\.crt: no certificates to trust there .+; want a PEM file"):
        JsonHttp(file)
