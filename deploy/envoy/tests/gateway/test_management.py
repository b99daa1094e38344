"""REST on the management door: gRPC behind it, 201 for what was created, one shape for every error."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from maas.authz.v1 import authz_pb2
from maas.ratelimit.v1 import limits_pb2
from maas.registry.v1 import models_pb2, models_pb2_grpc

pytestmark = pytest.mark.envoy

MODELS = "/v1/assets/models"


def error_of(answer):
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


def test_what_is_created_is_answered_201_and_the_caller_s_own_credential_is_what_the_service_gets(gateway):
    def create(method, request, context):
        context.send_initial_metadata((("x-http-code", "201"),))
        return models_pb2.Model(id=request.id, created=5)

    gateway.services.call = create
    answer = gateway.management.post(MODELS, json={"id": "m"}, headers={"authorization": "Bearer jwt", "x-maas-workload": "forged"})
    assert (answer.status_code, answer.json()["id"], answer.json()["created"]) == (201, "m", 5)
    assert "x-http-code" not in answer.headers
    assert gateway.services.metadata["authorization"] == "Bearer jwt"
    assert "x-maas-workload" not in gateway.services.metadata


def test_grpc_passes_the_same_door_as_it_is(gateway):
    def answer(method, request, context):
        if request.id == "none":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        context.send_initial_metadata((("x-http-code", "201"),))
        return models_pb2.Model(id=request.id)

    gateway.services.call = answer
    with grpc.insecure_channel(f"127.0.0.1:{gateway.management.base_url.port}") as channel:
        stub = models_pb2_grpc.ModelsServiceStub(channel)
        assert stub.CreateModel(models_pb2.CreateModelRequest(id="m")).id == "m"
        with pytest.raises(grpc.RpcError) as refused:
            stub.GetModel(models_pb2.GetModelRequest(id="none"))
    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.NOT_FOUND, "no such model")


def test_what_a_path_names_is_not_named_otherwise_in_the_body(gateway):
    def answer(method, request, context):
        return models_pb2.Model(id=request.id)

    gateway.services.call = answer
    assert gateway.management.patch(f"{MODELS}/mine", json={"displayName": "x"}).json()["id"] == "mine"
    assert gateway.management.patch(f"{MODELS}/mine", json={"id": "mine"}).json()["id"] == "mine"
    assert error_of(gateway.management.patch(f"{MODELS}/mine", json={"id": "other"}))["code"] == 400


def test_people_read_their_own_quota(gateway):
    def answer(method, request, context):
        assert request == authz_pb2.GetQuotaRequest(key_id="4kT9wQzL0aXe", model="m")
        limit = limits_pb2.LimitState(id="tier/free/spend", metric="cost", used=7, reset=60)
        return authz_pb2.GetQuotaResponse(tier="free", user="https://issuer.example|ann", limits=[limit])

    gateway.services.call = answer
    asked = {"params": {"keyId": "4kT9wQzL0aXe", "model": "m"}, "headers": {"authorization": "Bearer jwt", "x-maas-workload": "forged"}}
    told = gateway.management.get("/v1/quota", **asked).json()
    assert (told["tier"], told["group"], told["user"]) == ("free", "", "https://issuer.example|ann")
    assert {name: told["limits"][0][name] for name in ("id", "used", "reserved", "reset")} == {
        "id": "tier/free/spend",
        "used": "7",
        "reserved": "0",
        "reset": 60,
    }
    assert gateway.services.metadata["authorization"] == "Bearer jwt"
    assert "x-maas-workload" not in gateway.services.metadata


def test_counters_are_listed_and_reset_and_estimates_are_listed(gateway):
    subject = "https://issuer.example|ann+big"
    asked = []

    def answer(method, request, context):
        asked.append(request)
        if method == "ListCounters":
            return limits_pb2.ListCountersResponse(counters=[limits_pb2.Counter(limit_id="tier/free/a", subject=subject, used=7, reset=60)])
        if method == "ResetCounters":
            return limits_pb2.ResetCountersResponse(counters=2)
        return limits_pb2.ListEstimatesResponse(estimates=[limits_pb2.ModelEstimate(model="m", tokens_per_byte=0.25, samples=3)])

    gateway.services.call = answer
    door = gateway.management
    listed = door.get("/v1/limits/counters", params={"limitId": "tier/free/a", "subject": subject, "pageSize": 5}).json()
    assert (listed["counters"][0]["subject"], listed["counters"][0]["used"], listed["counters"][0]["reset"]) == (subject, "7", 60)
    assert door.post("/v1/limits/counters:reset", json={"subject": subject, "reason": "paid"}).json() == {"counters": "2"}
    estimates = door.get("/v1/limits/estimates", params={"pageToken": "t"}).json()
    assert (estimates["estimates"][0]["tokensPerByte"], estimates["estimates"][0]["samples"]) == (0.25, "3")
    assert asked == [
        limits_pb2.ListCountersRequest(limit_id="tier/free/a", subject=subject, page_size=5),
        limits_pb2.ResetCountersRequest(subject=subject, reason="paid"),
        limits_pb2.ListEstimatesRequest(page_token="t"),
    ]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, 400, "invalid_request_error"),
        (grpc.StatusCode.UNAUTHENTICATED, 401, "authentication_error"),
        (grpc.StatusCode.PERMISSION_DENIED, 403, "authorization_error"),
        (grpc.StatusCode.NOT_FOUND, 404, "not_found_error"),
        (grpc.StatusCode.ALREADY_EXISTS, 409, "conflict_error"),
        (grpc.StatusCode.ABORTED, 409, "conflict_error"),
        (grpc.StatusCode.FAILED_PRECONDITION, 400, "invalid_request_error"),
        (grpc.StatusCode.UNAVAILABLE, 503, "server_error"),
        (grpc.StatusCode.INTERNAL, 500, "server_error"),
    ],
)
def test_a_service_s_error_is_told_with_its_details(gateway, code, status, kind):
    def fail(method, request, context):
        told = status_pb2.Status(code=code.value[0], message='level 2 is "taken"')
        told.details.add().Pack(error_details_pb2.ErrorInfo(reason="TAKEN", domain="maas", metadata={"by": "gold"}))
        context.set_trailing_metadata((("grpc-status-details-bin", told.SerializeToString()),))
        context.abort(code, told.message)

    gateway.services.call = fail
    answer = gateway.management.get(f"{MODELS}/m")
    assert answer.status_code == status
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TAKEN", "domain": "maas", "metadata": {"by": "gold"}}
    assert error_of(answer) == {"code": status, "status": code.name, "message": 'level 2 is "taken"', "type": kind, "details": [detail]}


def test_an_error_without_details_is_told_in_the_same_shape(gateway):
    gateway.services.call = lambda _method, _request, context: context.abort(grpc.StatusCode.NOT_FOUND, "gone")
    expected = {"code": 404, "status": "NOT_FOUND", "message": "gone", "type": "not_found_error", "details": []}
    assert error_of(gateway.management.get(f"{MODELS}/m")) == expected


@pytest.mark.parametrize(
    ("asked", "status", "name", "message"),
    [
        (("GET", "/nowhere"), 404, "NOT_FOUND", "Could not resolve /nowhere to a method."),
        (("DELETE", MODELS), 404, "NOT_FOUND", f"Could not resolve {MODELS} to a method."),
        (("GET", f"{MODELS}?x=1"), 400, "INVALID_ARGUMENT", 'Could not find field "x" in the type "maas.registry.v1.ListModelsRequest".'),
        (("GET", "/v1/api-keys"), 503, "UNAVAILABLE", "The service cannot be reached right now. Try again shortly."),
    ],
)
def test_what_no_service_answered_is_told_in_the_same_shape(gateway, asked, status, name, message):
    kind = {404: "not_found_error", 400: "invalid_request_error", 503: "server_error"}[status]
    answer = gateway.management.request(*asked)
    assert answer.status_code == status
    assert error_of(answer) == {"code": status, "status": name, "message": message, "type": kind, "details": []}


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"id":"m"} more', b'{"id":5}'])
def test_a_body_that_is_no_json_of_the_kind_is_told_in_the_same_shape(gateway, body):
    error = error_of(gateway.management.post(MODELS, content=body))
    assert (error["code"], error["status"], error["type"], error["details"]) == (400, "INVALID_ARGUMENT", "invalid_request_error", [])
    assert error["message"]


def test_a_body_that_is_too_large_is_told_in_the_same_shape(gateway):
    error = error_of(gateway.management.post(MODELS, content=b'{"id":"' + b"x" * 2_000_000 + b'"}'))
    assert (error["code"], error["type"]) == (413, "invalid_request_error")


@pytest.mark.parametrize(
    "method",
    [
        "maas.keys.v1.KeyLookupService/LookupApiKey",
        "maas.registry.v1.CatalogService/WatchCatalog",
        "envoy.service.auth.v3.Authorization/Check",
    ],
)
def test_what_is_for_workloads_alone_is_not_reached(gateway, method):
    answer = gateway.management.post(f"/{method}", content=b"\0\0\0\0\0", headers={"content-type": "application/grpc", "te": "trailers"})
    assert answer.headers["grpc-status"] == "12"
    assert gateway.management.post(f"/{method}", json={}).status_code == 404
    assert gateway.services.checks.empty()


def test_the_answer_to_a_head_request_ends_with_its_headers(gateway):
    assert gateway.management.head(f"{MODELS}/m").status_code == 404
    assert gateway.management.get("/nowhere").status_code == 404


def test_the_access_log_names_the_path_that_was_asked_for(gateway):
    gateway.services.call = lambda *_: models_pb2.Model(id="m")
    answer = gateway.management.get(f"{MODELS}/m?id=n")
    assert gateway.envoy.access(answer)["path"] == f"{MODELS}/m"


def test_a_key_pasted_for_an_id_is_in_no_log(gateway):
    secret = "s" * 49
    asked = []
    gateway.services.call = lambda _, request, *__: asked.append(request.id) or models_pb2.Model(id="m")
    answer = gateway.management.get(f"{MODELS}/sk-maas-abcdefghijkl_{secret}")
    assert asked == ["sk-maas-abcdefghijkl_"]
    assert gateway.envoy.access(answer)["path"] == f"{MODELS}/sk-maas-abcdefghijkl_"
    assert secret not in "".join(gateway.envoy.log)
