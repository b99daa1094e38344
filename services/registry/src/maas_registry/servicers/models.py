"""maas.registry.v1.ModelsService."""

from __future__ import annotations

from typing import Any

import grpc
from maas.registry.v1 import models_pb2 as pb
from maas.registry.v1.models_pb2_grpc import ModelsServiceServicer
from maas_common.auth.principal import current_principal
from maas_common.auth.roles import Reach, reach
from maas_common.paging import after_token, page_token

from maas_registry.core.address_policy import AddressPolicy
from maas_registry.core.endpoint import Endpoint
from maas_registry.core.model_changes import create_model, delete_model, update_model
from maas_registry.core.page import page
from maas_registry.ports import Resolver, RouteSink
from maas_registry.servicers.changes import Changes
from maas_registry.servicers.enforcement_messages import pack_enforcement
from maas_registry.servicers.model_messages import pack_model, unpack_draft, unpack_patch

_Context = grpc.aio.ServicerContext[Any, Any]
_CREATED = (("x-http-code", "201"),)


class Models(ModelsServiceServicer):
    """Models as administrators and model owners manage them."""

    def __init__(self, changes: Changes, routes: RouteSink, resolver: Resolver, policy: AddressPolicy) -> None:
        self._changes = changes
        self._routes = routes
        self._resolver = resolver
        self._policy = policy

    async def CreateModel(self, request: pb.CreateModelRequest, context: _Context) -> pb.Model:
        """See the proto. Answers 201 over REST."""
        draft, owner, now = unpack_draft(request), current_principal().user, self._changes.now()
        await self._check(draft.endpoint)
        change, enforced = await self._changes.make(
            "model registered", lambda catalogue, revision: create_model(catalogue, draft, owner=owner, revision=revision, now=now)
        )
        await context.send_initial_metadata(_CREATED)
        return pack_model(change.models[0], self._routes.state(change.models[0]), enforced)

    async def GetModel(self, request: pb.GetModelRequest, _context: _Context) -> pb.Model:
        """See the proto."""
        model = (await self._changes.store.read()).model(request.id)
        return pack_model(model, self._routes.state(model))

    async def ListModels(self, request: pb.ListModelsRequest, _context: _Context) -> pb.ListModelsResponse:
        """See the proto."""
        after = after_token(request.page_token, (str,))
        catalogue = await self._changes.store.read()
        models, more = page(catalogue.models.values(), follows=lambda model: after is None or (model.id,) > after, size=request.page_size)
        return pb.ListModelsResponse(
            models=[pack_model(model, self._routes.state(model)) for model in models],
            next_page_token=page_token(models[-1].id) if more else "",
        )

    async def UpdateModel(self, request: pb.UpdateModelRequest, _context: _Context) -> pb.Model:
        """See the proto."""
        patch, only_of, now = unpack_patch(request), _only_of("UpdateModel"), self._changes.now()
        if patch.endpoint is not None:
            await self._check(patch.endpoint)
        change, enforced = await self._changes.make(
            "model updated",
            lambda catalogue, revision: update_model(catalogue, request.id, patch, only_of=only_of, revision=revision, now=now),
        )
        return pack_model(change.models[0], self._routes.state(change.models[0]), enforced)

    async def DeleteModel(self, request: pb.DeleteModelRequest, _context: _Context) -> pb.DeleteModelResponse:
        """See the proto."""
        only_of = _only_of("DeleteModel")
        _, enforced = await self._changes.make(
            "model removed", lambda catalogue, _: delete_model(catalogue, request.id, only_of=only_of, etag=request.etag)
        )
        return pb.DeleteModelResponse(enforcement=pack_enforcement(enforced))

    async def _check(self, endpoint: Endpoint) -> None:
        self._policy.check(endpoint, await self._resolver.addresses(endpoint.host))


def _only_of(method: str) -> str | None:
    """Whose models the caller may change by it; None: anybody's."""
    caller = current_principal()
    return caller.user if reach(f"maas.registry.v1.ModelsService/{method}", caller.roles) is Reach.OWN else None
