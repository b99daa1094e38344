"""Writes the OpenAPI document of the REST API from the contracts, and checks that it is fresh.

python protos/openapi.py           write docs/api/openapi.yaml; wants protoc-gen-openapi (github.com/google/gnostic) on the path
python protos/openapi.py --check   exit 1 when the document is not of these contracts; wants nothing
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from generate import CONTRACTS, HERE, run_protoc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

DOCUMENT = HERE.parent / "docs/api/openapi.yaml"
OF = "x-contracts-sha256"
_OPEN = {"/health"}
_INFO = {
    "title": "MaaS policy suite",
    "version": "v1",
    "description": "The management API over REST. Sign in with `maas login` and send the token that `maas token` prints.",
}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "integer", "description": "The HTTP status."},
                "status": {"type": "string", "description": "The gRPC status: INVALID_ARGUMENT, NOT_FOUND …"},
                "message": {"type": "string", "description": "What is wrong, where, and what would be right."},
                "type": {"type": "string", "description": "The kind of error in OpenAI's words: invalid_request_error …"},
                "details": {
                    "type": "array",
                    "items": {"type": "object"},
                    "description": "google.rpc.ErrorInfo with a stable `reason`; google.rpc.BadRequest with what is wrong, field by field.",
                },
            },
        }
    },
}


def fingerprint() -> str:
    """Of everything that the document is made from."""
    digest = hashlib.sha256()
    for contract in [*CONTRACTS, "openapi.py"]:
        digest.update((HERE / contract).read_bytes())
    return digest.hexdigest()


def generate() -> dict[str, Any]:
    """The document, of what the plugin makes of the contracts."""
    modules = ",".join(f"M{contract}=contracts/{contract.removesuffix('.proto')}" for contract in CONTRACTS)
    with tempfile.TemporaryDirectory() as folder:
        options = f"naming=json,enum_type=string,default_response=false,{modules}"
        run_protoc(f"--openapi_out={folder}", f"--openapi_opt={options}", *CONTRACTS)
        document: dict[str, Any] = yaml.safe_load((Path(folder) / "openapi.yaml").read_text())
        image = Path(folder) / "image.binpb"
        run_protoc("--include_imports", f"--descriptor_set_out={image}", *CONTRACTS)
        _add_rules(document["components"]["schemas"], image.read_bytes())
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
    document["components"]["schemas"]["Error"] = _ERROR
    document["components"]["responses"] = {
        "Error": {"description": "What is wrong.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    }
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    return {
        "openapi": document["openapi"],
        OF: fingerprint(),
        "info": _INFO,
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": document["tags"],
        "paths": document["paths"],
        "components": document["components"],
    }


def _complete(path: str, operation: dict[str, Any]) -> None:
    """What the plugin does not know of an operation: the status of what is made, errors, and what needs no token."""
    responses = operation["responses"]
    if "_Create" in operation["operationId"]:
        responses["201"] = responses.pop("200") | {"description": "Created"}
    responses["default"] = {"$ref": "#/components/responses/Error"}
    if path in _OPEN:
        operation["security"] = []


def _add_rules(schemas: dict[str, Any], image: bytes) -> None:
    """The contracts' validation rules, in the schemas' words."""
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(image)
    for file in files.file:
        pool.Add(file)
    # Options are kept as bytes of a type that only this pool knows.
    options = GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FieldOptions"))
    rules_of = pool.FindExtensionByName("buf.validate.field")
    for file in files.file:
        for message in _messages(pool.FindFileByName(file.name).message_types_by_name.values()):
            properties = schemas.get(message.name, {}).get("properties", {})
            for field in message.fields:
                if field.json_name in properties:
                    own = options.FromString(field.GetOptions().SerializeToString())
                    properties[field.json_name] |= _rules(field, own.Extensions[rules_of])  # type: ignore[index] # the stubs know extensions by their messages


def _messages(found: Any) -> Iterator[Descriptor]:
    for message in found:
        yield message
        yield from _messages(message.nested_types)


def _rules(field: FieldDescriptor, rules: Any) -> dict[str, Any]:
    if field.is_repeated:
        return _stated(rules.repeated, {"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems"})
    if field.type == FieldDescriptor.TYPE_STRING:
        stated = _stated(rules.string, {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"})
        if words := list(getattr(rules.string, "in")):
            stated["enum"] = words
        return stated
    if field.type == FieldDescriptor.TYPE_UINT32:
        return _stated(rules.uint32, {"gte": "minimum", "lte": "maximum"})
    if field.type == FieldDescriptor.TYPE_INT32:
        return _stated(rules.int32, {"gte": "minimum", "lte": "maximum"})
    return {}


def _stated(rules: Any, names: dict[str, str]) -> dict[str, Any]:
    return {word: getattr(rules, name) for name, word in names.items() if rules.HasField(name)}


def main() -> int:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the document is stale")
    if parser.parse_args().check:
        known = yaml.safe_load(DOCUMENT.read_text())[OF] if DOCUMENT.exists() else None
        if known != fingerprint():
            print("docs/api/openapi.yaml is of other contracts; run `make openapi`", file=sys.stderr)
            return 1
        return 0
    DOCUMENT.write_text(yaml.safe_dump(generate(), sort_keys=False, allow_unicode=True, width=120))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
