"""Texts that a database can't hold, in every field of every request: refused, or found nowhere, but never an internal error."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from maas_common.auth.principal import Access
from maas_common.paging import page_token
from maas_common.testing import WORKLOAD
from maas_common.testing.databases import postgres_database
from maas_keys.app import ACCESS

NUL = "a\0b"
EXPECTED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAVAILABLE,  # there is no registry here to ask about tiers
}
GIVEN = {
    "tenant": "x",
    "issuer": "x",
    "subject": "x",
    "name": "x",
    "alias": "x",
    "user_email": "x",
    "user": "x",
    "role": "admin",
    "member_kind": "user",
    "member": "x",
    "id": "x",
}
"""Fields that others are looked at only with."""


def requests(described):
    """One for each text in it: with that alone, and with what is asked for first."""
    kind = GetMessageClass(described)
    for field in described.fields:
        texts = field.type == FieldDescriptor.TYPE_STRING
        if texts and field.is_repeated:
            yield field.name, kind(**{field.name: [NUL]})
        elif texts:
            value = page_token(NUL) if field.name == "page_token" else NUL
            others = {name: text for name, text in GIVEN.items() if name in described.fields_by_name and name != field.name}
            yield field.name, kind(**{field.name: value})
            yield field.name, kind(**others, **{field.name: value})


@pytest.mark.parametrize("service", [name for name, access in ACCESS.items() if access is not Access.PUBLIC])
def test_no_text_is_an_internal_error(keys_service, postgres, service):
    async def scenario(url):
        async with keys_service(database_url=url) as world:
            wrong = []
            for method in descriptor_pool.Default().FindServiceByName(service).methods:
                if method.client_streaming:
                    continue
                for field, request in requests(method.input_type):
                    send = world.channel.unary_unary(f"/{service}/{method.name}")
                    metadata = world.admin if ACCESS[service] is Access.PEOPLE else WORKLOAD
                    code = await send(request.SerializeToString(), metadata=metadata).code()
                    if code not in EXPECTED:
                        wrong.append((method.name, field, code))
            assert not wrong

    with postgres_database(postgres) as url:
        asyncio.run(scenario(url))
