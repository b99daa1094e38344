"""The REST API's document, and the page to try it, on the management door."""

from __future__ import annotations

import pytest
import yaml
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2
from maas_local.gateway import DESCRIPTOR
from openapi_spec_validator import validate

pytestmark = pytest.mark.envoy


@pytest.mark.parametrize(
    ("path", "kind", "holds"),
    [
        ("/docs/", "text/html; charset=utf-8", "swagger-ui-bundle.js"),
        ("/docs/page.js", "text/javascript; charset=utf-8", "openapi.yaml"),
        ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8", "SwaggerUIBundle"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8", ".swagger-ui"),
    ],
)
def test_the_page_and_what_it_loads_come_from_the_gateway(gateway, path, kind, holds):
    answer = gateway.management.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert holds in answer.text


def test_the_page_is_found_without_its_slash(gateway):
    answer = gateway.management.get("/docs")
    assert (answer.status_code, answer.headers["location"].endswith("/docs/")) == (301, True)


def test_the_document_is_valid_and_has_every_method_that_the_gateway_routes(gateway):
    answer = gateway.management.get("/docs/openapi.yaml")
    assert answer.headers["content-type"] == "application/yaml; charset=utf-8"
    document = yaml.safe_load(answer.text)
    validate(document)
    told = {(verb, path) for path, operations in document["paths"].items() for verb in operations}
    files = descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTOR.read_bytes()).file
    rules = [method.options.Extensions[annotations_pb2.http] for file in files for each in file.service for method in each.method]
    assert told == {(verb, getattr(rule, verb)) for rule in rules if (verb := rule.WhichOneof("pattern"))}


def test_other_paths_below_it_are_nothing(gateway):
    assert gateway.management.get("/docs/other").status_code == 404
