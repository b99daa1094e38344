"""The keys service, asked over gRPC who there is."""

from __future__ import annotations

import grpc
from maas.keys.v1 import people_pb2, people_pb2_grpc
from maas_common.auth.interceptor import WORKLOAD_HEADER
from maas_common.errors import InvalidArgumentError, UnavailableError

from maas_authz.core.access import Person
from maas_authz.ports import PeoplePage


class GrpcPeople:
    """People over a channel, with the workload credential and a deadline."""

    def __init__(self, channel: grpc.aio.Channel, *, workload_secret: str, timeout_s: float) -> None:
        """Ask over that channel, at most `timeout_s` per question."""
        self._stub = people_pb2_grpc.PeopleLookupServiceStub(channel)
        self._metadata = ((WORKLOAD_HEADER, workload_secret),)
        self._timeout_s = timeout_s

    async def page(self, tenant: str, size: int, token: str) -> PeoplePage:
        """A page of the tenant's people; InvalidArgumentError when the token is none, UnavailableError when keys does not answer."""
        request = people_pb2.ListPeopleRequest(tenant=tenant, page_size=size, page_token=token)
        try:
            answer = await self._stub.ListPeople(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT and token:
                raise InvalidArgumentError.of(
                    "page_token", "not a token that a list call returned; leave it out for the first page"
                ) from None
            raise UnavailableError("Who there is can't be read: the keys service can't be reached. Try again shortly.") from error
        people = tuple(Person(each.user, each.username, tuple(each.groups)) for each in answer.people)
        return PeoplePage(people, answer.next_page_token)
