"""JSON over HTTP as the protos' google.api.http annotations define it, with protobuf's own JSON mapping: what Envoy's transcoder speaks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from google.api import annotations_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from cli.tests.fakes.web import Request, Response, json_response

Call = Callable[[Any, Request], Message]
_STATUS = {400: (3, "INVALID_ARGUMENT", "invalid_request_error"), 401: (16, "UNAUTHENTICATED", "authentication_error")}
_STATUS |= {403: (7, "PERMISSION_DENIED", "authorization_error"), 404: (5, "NOT_FOUND", "not_found_error")}
_STATUS |= {409: (6, "ALREADY_EXISTS", "conflict_error"), 503: (14, "UNAVAILABLE", "server_error")}


class RefusalError(Exception):
    def __init__(self, status: int, message: str, *, violations: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.violations = violations or {}


@dataclass(frozen=True, slots=True)
class _Route:
    verb: str
    path: re.Pattern[str]
    takes_body: bool
    method: MethodDescriptor


class Transcoder:
    """Answers REST requests by calling the method's name on the object that serves it. What the protos don't have is refused."""

    def __init__(self, services: list[tuple[ServiceDescriptor, object]]) -> None:
        self._routes = [(route, service) for descriptor, service in services for route in _routes(descriptor)]

    def __call__(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except RefusalError as refusal:
            return refused(refusal)

    def _answer(self, request: Request) -> Response:
        for route, service in self._routes:
            match = route.path.fullmatch(request.path)
            if route.verb == request.method and match:
                call: Call = getattr(service, route.method.name)
                message = call(_message(route, match.groupdict(), request), request)
                document = MessageToDict(message, always_print_fields_with_no_presence=True)
                return json_response(document, 201 if route.method.name.startswith("Create") else 200)
        raise RefusalError(404, "")


def refused(refusal: RefusalError) -> Response:
    _, status, kind = _STATUS[refusal.status]
    error_info: dict[str, Any] = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": status, "domain": "maas", "metadata": {}}
    violations = [{"field": field, "description": wrong} for field, wrong in refusal.violations.items()]
    bad_request = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}] if violations else []
    error = {"code": refusal.status, "status": status, "message": refusal.message, "type": kind, "details": [error_info, *bad_request]}
    return json_response({"error": error}, refusal.status)


def _routes(descriptor: ServiceDescriptor) -> Iterator[_Route]:
    for method in descriptor.methods:
        rule = method.GetOptions().Extensions[annotations_pb2.http]
        verb = rule.WhichOneof("pattern")
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(getattr(rule, verb)))
        yield _Route(verb.upper(), re.compile(pattern), bool(rule.body), method)


def _message(route: _Route, path: Mapping[str, str], request: Request) -> Message:
    fields = {field.json_name: field for field in route.method.input_type.fields}
    given: dict[str, Any] = request.json if route.takes_body else _asked(fields, request)
    message = GetMessageClass(route.method.input_type)()
    try:
        parsed: Message = ParseDict({**given, **{name: unquote(value) for name, value in path.items()}}, message)
    except ParseError as error:
        raise RefusalError(400, str(error)) from None
    return parsed


def _asked(fields: Mapping[str, FieldDescriptor], request: Request) -> dict[str, Any]:
    if unknown := request.queries.keys() - fields.keys():
        raise RefusalError(400, f"unknown query parameters {unknown}")
    return {name: values if fields[name].is_repeated else values[-1] for name, values in request.queries.items()}
