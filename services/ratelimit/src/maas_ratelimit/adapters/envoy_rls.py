"""Envoy's rate limit service protocol (envoy.service.ratelimit.v3): bytes to values and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from envoy.service.ratelimit.v3 import rls_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, MessageOptions
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from maas_common.errors import InvalidArgumentError
from maas_common.protobuf_wire import varint

from maas_ratelimit.core.plans import PlannedLimit

METHOD = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
_Response = rls_pb2.RateLimitResponse
_varint = lru_cache(maxsize=16384)(varint)
_LONGEST_PAIR = 127 - 4
"""Up to here protobuf writes every length of a header as one byte."""


class Descriptor(Protocol):
    """RateLimitDescriptor, its entries by key; "" for what is not there."""

    entries: Mapping[str, str]


class Request(Protocol):
    """RateLimitRequest, as far as it is read here."""

    domain: str
    descriptors: Sequence[Descriptor]


def unpack(payload: bytes) -> Request:
    """InvalidArgumentError when the bytes are no RateLimitRequest."""
    try:
        request: Request = _REQUEST.FromString(payload)
    except DecodeError as error:
        raise InvalidArgumentError(f"not a RateLimitRequest: {error}") from error
    return request


def unpack_entries(packed: bytes) -> Mapping[str, str]:
    """Some entries of a descriptor; InvalidArgumentError when the bytes are none."""
    try:
        descriptor: Descriptor = _DESCRIPTOR.FromString(packed)
    except DecodeError as error:
        raise InvalidArgumentError(f"no descriptor entries: {error}") from error
    return descriptor.entries


def only_descriptor(request: Request) -> Mapping[str, str]:
    """The entries of the one descriptor; InvalidArgumentError when there are none or several."""
    descriptors = request.descriptors
    if len(descriptors) != 1:
        raise InvalidArgumentError(f'domain "{request.domain}" has {len(descriptors)} descriptors in a request; want one')
    return descriptors[0].entries


def pack_ok(descriptors: int = 1) -> bytes:
    """The request goes on; none of its limits is told."""
    return _OK if descriptors == 1 else _OK_CODE + _statuses(_Response.OK, descriptors)


def pack_ok_by(limit: PlannedLimit, left: int, resets_in_s: int) -> bytes:
    """The request goes on; of its limits this one is told."""
    return _status(_Response.OK, limit, left, resets_in_s)


def pack_over_limit_by(limit: PlannedLimit, left: int, resets_in_s: int, headers: bytes) -> bytes:
    """The request is refused by this limit, with its body and these headers, each from `pack_header`."""
    return _status(_Response.OVER_LIMIT, limit, left, resets_in_s) + _JSON + headers + _body(limit.refusal)


def _status(code: int, limit: PlannedLimit, left: int, resets_in_s: int) -> bytes:
    """A response with the code and one DescriptorStatus: limit, what is left of it and for how long. Written by hand as headers are."""
    rest = _varint(min(max(0, left), _MOST))
    return _all_but_left(code, limit, resets_in_s, len(rest)) + rest


@lru_cache(maxsize=16384)
def _all_but_left(code: int, limit: PlannedLimit, resets_in_s: int, length: int) -> bytes:
    """What comes before the `length` bytes of what is left: fields may come in any order, so all else does."""
    current = _Response.RateLimit(
        name=limit.limit.id,
        requests_per_unit=min(limit.amount, _MOST),
        unit=_UNITS.get(limit.window.text, _Response.RateLimit.UNKNOWN),
    )
    until = {"seconds": resets_in_s} if resets_in_s > 0 else None
    status = _serialized(_Response.DescriptorStatus(code=code, current_limit=current, duration_until_reset=until))
    return b"%b\x12%b%b\x18" % (_serialized(_Response(overall_code=code)), _varint(len(status) + 1 + length), status)


@lru_cache(maxsize=4096)
def _body(body: bytes) -> bytes:
    return _serialized(_Response(raw_body=body))


def pack_too_large(body: bytes) -> bytes:
    """The request is refused with this body, JSON, and by the gateway's Lua with a 400: this protocol knows only 429."""
    return _OVER_LIMIT_CODE + _statuses(_Response.OVER_LIMIT, 1) + _JSON + _TOO_LARGE + _body(body)


def pack_throttled(limit_id: str) -> bytes:
    """A response with nothing but a header for the model's server, merged like `pack_header`: the limit whose second counter this is on."""
    return _serialized(_Response(request_headers_to_add=[{"key": "x-maas-throttled", "value": limit_id}]))


@lru_cache(maxsize=4096)
def pack_output_cap(tokens: int) -> bytes:
    """A response with nothing but the most output tokens that the gateway's Lua writes into the request, merged likewise."""
    return _metadata("max_output", str(tokens))


def _metadata(name: str, value: str) -> bytes:
    response = _Response()
    response.dynamic_metadata[name] = value
    return _serialized(response)


def pack_header(name: str, value: str) -> bytes:
    """A response with nothing but one header, ASCII: serialized messages in a row are read as one, merged.

    Written by hand, in half the time of the message classes: tag 3, in it tags 1 and 2, each with its length.
    """
    name_length, value_length = len(name), len(value)
    if name_length + value_length > _LONGEST_PAIR:
        return _serialized(_Response(response_headers_to_add=[{"key": name, "value": value}]))
    return f"\x1a{chr(name_length + value_length + 4)}\n{chr(name_length)}{name}\x12{chr(value_length)}{value}".encode("ascii")


def _statuses(code: int, descriptors: int) -> bytes:
    return _serialized(_Response(statuses=[{"code": code}] * descriptors))


def _serialized(message: Message) -> bytes:
    packed: bytes = message.SerializeToString()
    return packed


def _request_classes() -> tuple[Any, Any]:
    """RateLimitRequest and RateLimitDescriptor with a map where the protocol has a list of key and value: on the wire both are the same.

    Asking a map for a few of twenty entries takes a third of the time of listing them all.
    """
    package = "maas.ratelimit.wire"
    entry = DescriptorProto(name="EntriesEntry", field=[_field("key", 1), _field("value", 2)], options=MessageOptions(map_entry=True))
    entries = _field("entries", 1, f".{package}.Descriptor.EntriesEntry")
    descriptor = DescriptorProto(name="Descriptor", field=[entries], nested_type=[entry])
    request = DescriptorProto(name="Request", field=[_field("domain", 1), _field("descriptors", 2, f".{package}.Descriptor")])
    file = FileDescriptorProto(name="maas/ratelimit/wire.proto", package=package, syntax="proto3", message_type=[descriptor, request])
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    packed = (GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in ("Request", "Descriptor"))
    return next(packed), next(packed)


def _field(name: str, number: int, messages: str | None = None) -> Field:
    """A string, or a list of messages."""
    kind, label = (Field.TYPE_MESSAGE, Field.LABEL_REPEATED) if messages else (Field.TYPE_STRING, Field.LABEL_OPTIONAL)
    return Field(name=name, number=number, label=label, type=kind, type_name=messages)


_REQUEST, _DESCRIPTOR = _request_classes()
_OK_CODE, _OVER_LIMIT_CODE = (_serialized(_Response(overall_code=code)) for code in (_Response.OK, _Response.OVER_LIMIT))
_OK = _OK_CODE + _statuses(_Response.OK, 1)
_JSON = pack_header("content-type", "application/json")
_TOO_LARGE = _metadata("status", "400")
_MOST = 2**32 - 1
"""Amounts have 32 bits here."""
_UNITS = {
    "1s": _Response.RateLimit.SECOND,
    "1m": _Response.RateLimit.MINUTE,
    "1h": _Response.RateLimit.HOUR,
    "1d": _Response.RateLimit.DAY,
    "day": _Response.RateLimit.DAY,
    "week": _Response.RateLimit.WEEK,
    "month": _Response.RateLimit.MONTH,
}
