"""envoy.service.auth.v3.Authorization/Check: one request decided."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import structlog
from envoy.service.auth.v3 import external_auth_pb2
from envoy.service.auth.v3.attribute_context_pb2 import AttributeContext
from google.protobuf.message import DecodeError
from maas_common.clock import Clock
from maas_common.errors import InvalidArgumentError
from maas_common.hot import HotMethod

from maas_authz import metrics
from maas_authz.core.address import client_address
from maas_authz.core.credential import presented_key
from maas_authz.core.decision import Admitted, Decision, Listed, Request, decide
from maas_authz.core.keys import KeyRecord
from maas_authz.core.refusals import INVALID_KEY, Refusal
from maas_authz.ports import Catalogues, Keys, Uses
from maas_authz.servicers import answers

log = structlog.get_logger(__name__)

_PATH = "/envoy.service.auth.v3.Authorization/Check"
_FACTS = "maas.request"


class Check:
    """Answers at once when the key is known, else with a coroutine. Keeps nothing of a request."""

    def __init__(  # noqa: PLR0913 - parts, by name
        self, keys: Keys, catalogues: Catalogues, uses: Uses, clock: Clock, *, trusted_hops: int, log_decisions: bool
    ) -> None:
        """`trusted_hops`: proxies before the gateway. `log_decisions`: one line at debug level; without it not even the call is made."""
        self._keys = keys
        self._catalogues = catalogues
        self._uses = uses
        self._clock = clock
        self._trusted_hops = trusted_hops
        self._log_decisions = log_decisions

    def hot_method(self) -> HotMethod:
        """This method, for either engine. Nothing is counted here, so an answer that nobody takes needs no undoing."""
        return HotMethod(_PATH, self.handle, undelivered=lambda _request: None)

    def handle(self, payload: bytes) -> bytes | Coroutine[Any, Any, bytes]:
        """CheckRequest to CheckResponse; InvalidArgumentError when it is no CheckRequest."""
        try:
            attributes = external_auth_pb2.CheckRequest.FromString(payload).attributes
        except DecodeError:
            raise InvalidArgumentError("want an envoy.service.auth.v3.CheckRequest") from None
        http = attributes.request.http
        presented = presented_key(http.headers)
        found = INVALID_KEY if presented is None else self._keys.known(presented)
        if found is None:
            return self._after_lookup(presented or "", attributes, http)
        return self._answer(found, attributes, http)

    async def _after_lookup(self, presented: str, attributes: AttributeContext, http: AttributeContext.HttpRequest) -> bytes:
        return self._answer(await self._keys.find(presented), attributes, http)

    def _answer(self, found: KeyRecord | Refusal, attributes: AttributeContext, http: AttributeContext.HttpRequest) -> bytes:
        if isinstance(found, Refusal):
            decision: Decision = found
        else:
            caller, now = found.caller, self._clock.now()
            address = "" if caller.networks is None else self._address(attributes, http)
            request = Request(http.method, http.path, _facts(attributes), address)
            decision = decide(caller, request, self._catalogues.current(), now)
            if not isinstance(decision, Refusal):
                self._uses.note(caller.key_id, now)
        if self._log_decisions:
            _log(decision, http.headers.get("x-request-id", ""))
        if isinstance(decision, Admitted):
            metrics.DECISIONS[200].inc()
            return answers.admission(decision)
        if isinstance(decision, Listed):
            metrics.DECISIONS[200].inc()
            return answers.listing(decision)
        metrics.DECISIONS[decision.code].inc()
        return answers.refusal(decision)

    def _address(self, attributes: AttributeContext, http: AttributeContext.HttpRequest) -> str:
        peer = attributes.source.address.socket_address.address
        return client_address(peer, http.headers.get("x-forwarded-for"), self._trusted_hops)


def _facts(attributes: AttributeContext) -> dict[str, str]:
    metadata = attributes.metadata_context.filter_metadata
    if _FACTS not in metadata:
        return {}
    fields = metadata[_FACTS].fields
    return {name: fields[name].string_value for name in fields}


def _log(decision: Decision, request_id: str) -> None:
    about = log.bind(request_id=request_id)
    if isinstance(decision, Refusal):
        about.debug("request refused", code=decision.code, message=decision.message)
    elif isinstance(decision, Listed):
        about.debug("models listed", key_id=decision.caller.key_id, tier=decision.tier.name)
    else:
        about.debug("request admitted", key_id=decision.caller.key_id, tier=decision.tier.name, model=decision.model.id)
