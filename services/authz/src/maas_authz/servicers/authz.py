"""maas.authz.v1.AuthzService: decisions explained to people, how much is left of their limits, who may use what. Counts nothing."""

from __future__ import annotations

from typing import Any

import grpc
from maas.authz.v1 import authz_pb2, authz_pb2_grpc
from maas_common.auth.principal import Principal, current_principal
from maas_common.auth.roles import Reach, reach
from maas_common.clock import Clock
from maas_common.errors import DomainError, InvalidArgumentError, NotFoundError, PermissionDeniedError, UnavailableError
from maas_common.limit_messages import pack_limit

from maas_authz.core.decision import Admitted
from maas_authz.core.explanation import Explanation, explain_groups, explain_key, imagined_request
from maas_authz.core.keys import NONE, Caller, KeyRecord, is_key_id
from maas_authz.core.quota import quota_of
from maas_authz.core.refusals import Refusal
from maas_authz.ports import Catalogues, Counters, Keys, People
from maas_authz.servicers.access import list_access

_EXPLAIN = "maas.authz.v1.AuthzService/Explain"
_ERRORS: dict[int, type[DomainError]] = {403: PermissionDeniedError, 404: NotFoundError, 503: UnavailableError}
"""Of what quota_of refuses with."""


class AuthzServicer(authz_pb2_grpc.AuthzServiceServicer):
    """Anybody signed in asks about their own keys, administrators about every key of the tenant and about groups. Quotas are one's own."""

    def __init__(self, keys: Keys, catalogues: Catalogues, counters: Counters, people: People, clock: Clock) -> None:
        self._keys = keys
        self._catalogues = catalogues
        self._counters = counters
        self._people = people
        self._clock = clock

    async def Explain(
        self,
        request: authz_pb2.ExplainRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - the generated signature
    ) -> authz_pb2.ExplainResponse:
        """What would be decided for a request, and why."""
        principal = current_principal()
        if bool(request.key_id) == bool(request.groups):
            raise InvalidArgumentError.of("key_id", "want either key_id or groups: who is the request from?")
        may_see_all = reach(_EXPLAIN, principal.roles) is Reach.ALL
        imagined = imagined_request(request.model, request.path)
        if request.groups:
            if not may_see_all:
                raise PermissionDeniedError(f"{principal.username} is not an administrator; explain one of your own keys by its id")
            caller = Caller(principal.tenant, NONE, tuple(request.groups))
            return _pack(explain_groups(caller, imagined, self._catalogues.current(), self._clock.now()))
        record = await self._record(request.key_id, principal, may_see_all=may_see_all)
        answer = _pack(explain_key(record, imagined, self._catalogues.current(), self._clock.now()))
        answer.user = record.caller.user
        return answer

    async def GetQuota(
        self,
        request: authz_pb2.GetQuotaRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - the generated signature
    ) -> authz_pb2.GetQuotaResponse:
        """The limits that the caller's requests meet, with that key and that model if given, as they stand."""
        principal = current_principal()
        if request.key_id:
            caller = (await self._record(request.key_id, principal, may_see_all=False)).caller
        else:
            caller = Caller(principal.tenant, principal.user, principal.groups)
        quota = quota_of(caller, request.model, self._catalogues.current(), self._clock.now())
        if isinstance(quota, Refusal):
            raise _ERRORS[quota.code](quota.message)
        states = await self._counters.peek(quota)
        return authz_pb2.GetQuotaResponse(tier=quota.tier.name, group=quota.group, user=caller.user, limits=states)

    async def ListAccess(
        self,
        request: authz_pb2.ListAccessRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - the generated signature
    ) -> authz_pb2.ListAccessResponse:
        """Who may use a model, or which models somebody may use, and why."""
        return await list_access(request, current_principal(), self._people, self._catalogues.current())

    async def _record(self, key_id: str, principal: Principal, *, may_see_all: bool) -> KeyRecord:
        if not is_key_id(key_id):  # perhaps a whole key: it is neither sent on nor repeated
            raise InvalidArgumentError.of("key_id", "want the id of a key, 12 letters and digits; never the key itself")
        record = await self._keys.record(key_id)
        if isinstance(record, Refusal):
            raise UnavailableError(record.message)
        is_seen = record is not None and record.caller.tenant == principal.tenant
        if record is None or not is_seen or not (may_see_all or record.caller.user == principal.user):
            raise NotFoundError(f'API key "{key_id}" does not exist; want the id of one of your keys')
        return record


def _pack(explanation: Explanation) -> authz_pb2.ExplainResponse:
    decision = explanation.decision
    steps = [
        authz_pb2.ExplainStep(check=step.check, outcome="pass" if step.passed else "refuse", detail=step.detail)
        for step in explanation.steps
    ]
    if isinstance(decision, Refusal):
        return authz_pb2.ExplainResponse(allowed=False, code=decision.code, type=decision.type, message=decision.message, steps=steps)
    response = authz_pb2.ExplainResponse(allowed=True, code=200, tier=decision.tier.name, group=decision.group, steps=steps)
    if isinstance(decision, Admitted):
        response.model = decision.model.id
        response.plan = decision.plan
        response.limits.extend(map(pack_limit, decision.caller.limits(decision.tier)))
    return response
