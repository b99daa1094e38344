"""What Envoy is told: CheckResponses, made from templates that are as good for the next request."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from http import HTTPStatus

from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2
from google.rpc import code_pb2

from maas_authz.core.catalogue import Model, Tier, Upstream
from maas_authz.core.credential import CREDENTIAL_HEADERS
from maas_authz.core.decision import Admitted, Listed
from maas_authz.core.keys import NONE
from maas_authz.core.refusals import Refusal

_CLUSTER = "x-maas-cluster"
_MODELS_CLUSTER = "maas.models"
_PATH = 0
"""Where `:path` is among the headers of an admission."""
_RPC_CODE = {HTTPStatus.UNAUTHORIZED: code_pb2.UNAUTHENTICATED, HTTPStatus.SERVICE_UNAVAILABLE: code_pb2.UNAVAILABLE}


def admission(admitted: Admitted) -> bytes:
    """Go to the model: cluster, path and authority of the upstream, and what ratelimit and the body's edits need to know.

    Envoy takes an empty string for absent, so none of the metadata is empty.
    """
    caller, body = admitted.caller, admitted.body
    response = external_auth_pb2.CheckResponse()
    response.CopyFrom(_admission(admitted.tier, admitted.plan, admitted.model, admitted.upstream))
    response.ok_response.headers[_PATH].header.value = admitted.path
    fields = response.dynamic_metadata.fields
    fields["rid"].string_value = os.urandom(16).hex()
    fields["tenant"].string_value = caller.tenant
    fields["key"].string_value = caller.key_id
    fields["user"].string_value = caller.user
    fields["group"].string_value = admitted.group
    fields["bytes"].string_value = body.size
    fields["max_out"].string_value = body.max_out
    if (set_model := admitted.set_model) is not None:
        fields["set_model"].string_value = set_model
    if body.add_usage:
        fields["add_usage"].string_value = "1"
    return _bytes(response)


def listing(listed: Listed) -> bytes:
    """Go to the registry for the list of models. Without a `rid` nothing is counted."""
    return _listing(listed.caller.tenant, listed.tier.name)


@lru_cache(maxsize=256)
def refusal(refused: Refusal) -> bytes:
    """Answer the client with an error."""
    error = {"error": {"message": refused.message, "type": refused.type, "code": refused.code}}
    response = external_auth_pb2.CheckResponse()
    response.status.code = _RPC_CODE.get(HTTPStatus(refused.code), code_pb2.PERMISSION_DENIED)
    response.denied_response.status.code = refused.code
    response.denied_response.body = json.dumps(error)
    response.denied_response.headers.extend(_headers({"content-type": "application/json", **dict(refused.headers)}))
    response.dynamic_metadata["decided"] = "1"
    return _bytes(response)


@lru_cache(maxsize=256)
def _listing(tenant: str, tier: str) -> bytes:
    response = external_auth_pb2.CheckResponse()
    _pass_on(response, {_CLUSTER: _MODELS_CLUSTER, "x-maas-tenant": tenant, "x-maas-tier": tier}, CREDENTIAL_HEADERS)
    response.dynamic_metadata["decided"] = "1"
    return _bytes(response)


@lru_cache(maxsize=4096)
def _admission(tier: Tier, plan: str, model: Model, upstream: Upstream) -> external_auth_pb2.CheckResponse:
    """All of an admission that is the same for every request: tiers and models are new objects when they change."""
    response = external_auth_pb2.CheckResponse()
    # A compressed answer would hide its usage.
    _pass_on(
        response,
        {":path": "", ":authority": upstream.authority, _CLUSTER: f"asset.{model.id}"},
        (*CREDENTIAL_HEADERS, "accept-encoding"),
    )
    same = {"decided": "1", "team": NONE, "tier": tier.name, "model": model.id, "plan": plan, "price": NONE}
    for name, value in same.items():
        response.dynamic_metadata.fields[name].string_value = value
    return response


def _pass_on(response: external_auth_pb2.CheckResponse, headers: dict[str, str], removed: tuple[str, ...]) -> None:
    # Set by default means replaced. What is both set and removed would be lost.
    response.status.code = code_pb2.OK
    response.ok_response.headers.extend(_headers(headers))
    response.ok_response.headers_to_remove.extend(removed)


def _bytes(response: external_auth_pb2.CheckResponse) -> bytes:
    serialized: bytes = response.SerializeToString()
    return serialized


def _headers(headers: dict[str, str]) -> list[base_pb2.HeaderValueOption]:
    return [base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key=key, value=value)) for key, value in headers.items()]
