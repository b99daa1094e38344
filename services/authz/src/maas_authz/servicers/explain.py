"""maas.authz.v1.AuthzService: decisions explained to people. Counts nothing."""

from __future__ import annotations

from typing import Any

import grpc
from maas.authz.v1 import authz_pb2, authz_pb2_grpc
from maas.common.v1 import limit_pb2
from maas_common.auth.principal import Principal, current_principal
from maas_common.clock import Clock
from maas_common.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError, UnavailableError
from maas_common.limits import Limit

from maas_authz.core.decision import Admitted
from maas_authz.core.explanation import Explanation, explain_groups, explain_key, imagined_request
from maas_authz.core.keys import Caller, KeyRecord
from maas_authz.core.refusals import Refusal
from maas_authz.ports import Catalogues, Keys

_TENANT = "default"
_MAX_ID = 64


class AuthzServicer(authz_pb2_grpc.AuthzServiceServicer):
    """Anybody signed in asks about their own keys, administrators about every key and about groups."""

    def __init__(self, keys: Keys, catalogues: Catalogues, clock: Clock) -> None:
        self._keys = keys
        self._catalogues = catalogues
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
        imagined = imagined_request(request.model, request.path)
        if request.groups:
            if not principal.is_admin:
                raise PermissionDeniedError(f"{principal.username} is not an administrator; explain one of your own keys by its id")
            caller = Caller(_TENANT, principal.user, tuple(request.groups))
            return _pack(caller, explain_groups(caller, imagined, self._catalogues.current()))
        record = await self._record(request.key_id, principal)
        return _pack(record.caller, explain_key(record, imagined, self._catalogues.current(), self._clock.now()))

    async def _record(self, key_id: str, principal: Principal) -> KeyRecord:
        record = await self._keys.record(key_id) if len(key_id) <= _MAX_ID else None
        if isinstance(record, Refusal):
            raise UnavailableError(record.message)
        if record is None or not (principal.is_admin or record.caller.user == principal.user):
            raise NotFoundError(f'API key "{key_id[:_MAX_ID]}" does not exist; want the id of one of your keys, not the key')
        return record


def _pack(caller: Caller, explanation: Explanation) -> authz_pb2.ExplainResponse:
    decision = explanation.decision
    steps = [
        authz_pb2.ExplainStep(check=step.check, outcome="pass" if step.passed else "refuse", detail=step.detail)
        for step in explanation.steps
    ]
    if isinstance(decision, Refusal):
        return authz_pb2.ExplainResponse(
            allowed=False, code=decision.code, type=decision.type, message=decision.message, user=caller.user, steps=steps
        )
    response = authz_pb2.ExplainResponse(
        allowed=True, code=200, tier=decision.tier.name, group=decision.group, user=caller.user, steps=steps
    )
    if isinstance(decision, Admitted):
        response.model = decision.model.id
        response.plan = decision.plan
        response.limits.extend(map(_limit, decision.tier.limits))
    return response


def _limit(limit: Limit) -> limit_pb2.Limit:
    return limit_pb2.Limit(id=limit.id, metric=limit.metric, amount=limit.amount, window=limit.window.text, per=limit.per)
