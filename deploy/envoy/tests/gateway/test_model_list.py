"""GET /v1/models on the data path: the registry's answer, for the tenant and tier that authz found, at no cost."""

from __future__ import annotations

import grpc
import pytest
from maas.registry.v1 import models_pb2

pytestmark = pytest.mark.envoy


@pytest.fixture
def listing(gateway):
    """The gateway while authz decides that the caller may list models."""
    services = gateway.services
    headers = {"x-maas-cluster": "maas.models", "x-maas-tenant": "default", "x-maas-tier": "free"}
    services.check = lambda *_: services.allow(headers, rid="")
    return gateway


def test_the_list_comes_from_the_registry_for_the_caller_s_tier_and_is_not_counted(listing):
    model = models_pb2.AvailableModel(id="m", object="model", created=1_800_000_000, owned_by="maas")
    listing.services.call = lambda *_: models_pb2.ListAvailableModelsResponse(object="list", data=[model])
    answer = listing.data.get("/v1/models?limit=5", headers={"authorization": "Bearer k", "content-type": "application/json"})
    assert answer.status_code == 200
    assert answer.json() == {
        "object": "list",
        "data": [{"id": "m", "object": "model", "created": 1_800_000_000, "owned_by": "maas", "ready": False, "display_name": ""}],
    }
    sent = listing.services.metadata
    assert (sent["x-maas-tenant"], sent["x-maas-tier"], sent["x-maas-workload"]) == ("default", "free", listing.secret)
    assert "authorization" not in sent
    assert not listing.services.is_counted()


def test_one_model_is_read_by_its_id(listing):
    listing.services.call = lambda _method, request, _context: models_pb2.AvailableModel(id=request.id)
    assert listing.data.get("/v1/models/smol-1.5_b").json()["id"] == "smol-1.5_b"


@pytest.mark.parametrize(
    ("code", "status", "message", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, 404, "Model not found", "not_found_error"),
        (grpc.StatusCode.UNAUTHENTICATED, 503, "The list of models cannot be read right now. Try again shortly.", "server_error"),
        (grpc.StatusCode.UNAVAILABLE, 503, "The list of models cannot be read right now. Try again shortly.", "server_error"),
    ],
)
def test_an_error_is_told_in_the_words_of_the_data_path(listing, code, status, message, kind):
    listing.services.call = lambda _method, _request, context: context.abort(code, "internal words")
    answer = listing.data.get("/v1/models/m")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json() == {"error": {"message": message, "type": kind, "code": status}}


@pytest.mark.parametrize("method", ["POST", "DELETE", "HEAD"])
def test_the_registry_is_reached_for_reading_only(listing, method):
    answer = listing.data.request(method, "/v1/models/m", headers={"content-type": "application/json"})
    assert answer.status_code == 404
    assert listing.services.metadata.get("x-maas-tier") is None


def test_no_other_path_leads_to_the_registry(listing):
    assert listing.data.get("/maas.registry.v1.ModelsService/DeleteModel").status_code == 404
    assert listing.data.get("/v1/modelsx").status_code == 404


def test_what_the_registry_cannot_answer_otherwise_fails_as_a_model_that_is_not_there(listing):
    assert listing.data.get("/v1/models/m/extra").json()["error"]["message"] == "Model not found"
