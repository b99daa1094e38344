"""What Envoy is told: CheckResponses.

An admission is put together from pieces that are serialized once: by protobuf's encoding, the entries of two Structs one
after the other are a Struct with both. That costs a third of filling in a message. What is cached per tier or model is
right for as long as it is used: a tier or model that changes is a new object.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from http import HTTPStatus

from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf import struct_pb2
from google.rpc import code_pb2
from maas_common.protobuf_wire import varint

from maas_authz.core.catalogue import Model, Tier, Upstream
from maas_authz.core.credential import CREDENTIAL_HEADERS
from maas_authz.core.decision import Admitted, Listed
from maas_authz.core.keys import Caller
from maas_authz.core.refusals import Refusal

_CLUSTER = "x-maas-cluster"
_MODELS_CLUSTER = "maas.models"
_RPC_CODE = {HTTPStatus.UNAUTHORIZED: code_pb2.UNAUTHENTICATED, HTTPStatus.SERVICE_UNAVAILABLE: code_pb2.UNAVAILABLE}


def _metadata(**values: str) -> bytes:
    """A piece of the dynamic metadata: strings by name, none of them empty, since Envoy takes an empty one for absent."""
    piece: bytes = struct_pb2.Struct(
        fields={name: struct_pb2.Value(string_value=value) for name, value in values.items()}
    ).SerializeToString()
    return piece


_RID_BYTES = 16
_RID = _metadata(rid="0" * 2 * _RID_BYTES)[: -2 * _RID_BYTES]
"""Begins the entry of a request id; its digits end it."""
_ADD_USAGE = _metadata(add_usage="1")
_METADATA_TAG = bytes((external_auth_pb2.CheckResponse.DESCRIPTOR.fields_by_name["dynamic_metadata"].number << 3 | 2,))


def admission(admitted: Admitted) -> bytes:
    """Go to the model: cluster, path and authority of the upstream, and what ratelimit and the body's edits need to know."""
    body, model, upstream = admitted.body, admitted.model, admitted.upstream
    pieces = [
        _same_for_all(admitted.tier, model, admitted.price),
        _plan(admitted.plan),
        _same_for_caller(admitted.caller, admitted.group),
        _RID,
        os.urandom(_RID_BYTES).hex().encode(),
        _number("bytes", body.size),
        _number("max_out", body.max_out),
    ]
    if admitted.set_model is not None:
        pieces.append(_set_model(model))
    if body.add_usage:
        pieces.append(_ADD_USAGE)
    metadata = b"".join(pieces)
    way = _way if not admitted.target.query else _way.__wrapped__  # queries are too many, and may be long
    return way(model, upstream, admitted.path) + _METADATA_TAG + varint(len(metadata)) + metadata


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
def _same_for_all(tier: Tier, model: Model, price: str) -> bytes:
    return _metadata(decided="1", tier=tier.name, model=model.id, price=price)


@lru_cache(maxsize=4096)
def _plan(plan: str) -> bytes:
    return _metadata(plan=plan)


@lru_cache(maxsize=16384)
def _same_for_caller(caller: Caller, group: str) -> bytes:
    return _metadata(tenant=caller.tenant, key=caller.key_id, user=caller.user, team=caller.team, group=group)


@lru_cache(maxsize=8192)
def _number(name: str, value: str) -> bytes:
    return _metadata(**{name: value})


@lru_cache(maxsize=4096)
def _set_model(model: Model) -> bytes:
    return _metadata(set_model=model.upstream_name)


@lru_cache(maxsize=4096)
def _way(model: Model, upstream: Upstream, path: str) -> bytes:
    response = external_auth_pb2.CheckResponse()
    # A compressed answer would hide its usage.
    _pass_on(
        response,
        {":path": path, ":authority": upstream.authority, _CLUSTER: f"asset.{model.id}"},
        (*CREDENTIAL_HEADERS, "accept-encoding"),
    )
    return _bytes(response)


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
