"""The management services behind the transcoder, in memory: small, and in the protos' own messages."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from maas.authz.v1 import authz_pb2
from maas.keys.v1 import api_keys_pb2, roles_pb2, teams_pb2, tenants_pb2, users_pb2
from maas.ratelimit.v1 import limits_pb2
from maas.registry.v1 import models_pb2, tiers_pb2

from cli.tests.fakes.house import CREATED_S, House, found, updated
from cli.tests.fakes.keys import Keys
from cli.tests.fakes.limits import Limits
from cli.tests.fakes.people import Issuer
from cli.tests.fakes.teams import Teams
from cli.tests.fakes.tenancy import Tenancy
from cli.tests.fakes.transcoder import RefusalError, Transcoder, refused
from cli.tests.fakes.web import Request, Response


class Management:
    """All services behind one transcoder. `down` answers 503 to everything."""

    def __init__(self, issuer: Issuer) -> None:
        self.house = House(issuer)
        self.keys, self.teams, self.tenancy = Keys(self.house), Teams(self.house), Tenancy(self.house)
        self.models: dict[str, models_pb2.Model] = {}
        self.tiers: dict[str, tiers_pb2.Tier] = {}
        self.limits = Limits()
        self.explained = authz_pb2.ExplainResponse()
        self.quota = authz_pb2.GetQuotaResponse()
        self.access: list[authz_pb2.Access] = []
        self.down = False
        self.requests: list[Request] = []
        self._transcoder = Transcoder(
            [
                (_service(api_keys_pb2, "ApiKeysService"), self.keys),
                (_service(teams_pb2, "TeamsService"), self.teams),
                (_service(users_pb2, "UsersService"), self.tenancy),
                (_service(roles_pb2, "RolesService"), self.tenancy),
                (_service(tenants_pb2, "TenantsService"), self.tenancy),
                (_service(limits_pb2, "LimitsService"), self.limits),
                (_service(models_pb2, "ModelsService"), self),
                (_service(models_pb2, "AvailableModelsService"), self),
                (_service(tiers_pb2, "TiersService"), self),
                (_service(authz_pb2, "AuthzService"), self),
            ]
        )

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if self.down:
            return refused(RefusalError(503, "no healthy upstream"))
        if request.bearer not in self.house.issuer.names:
            return refused(RefusalError(401, "Invalid or expired token"))
        return self._transcoder(request)

    def CreateModel(self, asked: models_pb2.CreateModelRequest, request: Request) -> Any:
        if asked.id in self.models:
            raise RefusalError(409, f'model "{asked.id}" exists already; pick another id')
        model = models_pb2.Model(id=asked.id, url=asked.url, upstream_name=asked.upstream_name, tiers=asked.tiers, created=CREATED_S)
        if asked.HasField("pricing"):
            model.pricing.CopyFrom(asked.pricing)
        model.published_to = asked.published_to or "nobody"
        model.state, model.state_reason = ("rejected", "Invalid port") if ":99999" in asked.url else ("ready", "")
        self.models[model.id] = model
        return self.house.changed(model)

    def GetModel(self, asked: models_pb2.GetModelRequest, request: Request) -> Any:
        return found(self.models, asked.id, "model")

    def ListModels(self, asked: models_pb2.ListModelsRequest, request: Request) -> Any:
        if self.house.caller(request) != "admin":
            raise RefusalError(403, "alice is not an administrator")
        page, following = self.house.page(list(self.models.values()), asked.page_size, asked.page_token)
        return models_pb2.ListModelsResponse(models=page, next_page_token=following)

    def UpdateModel(self, asked: models_pb2.UpdateModelRequest, request: Request) -> Any:
        model: models_pb2.Model = found(self.models, asked.id, "model")
        return self.house.changed(updated(model, asked))

    def DeleteModel(self, asked: models_pb2.DeleteModelRequest, request: Request) -> Any:
        found(self.models, asked.id, "model")
        del self.models[asked.id]
        return models_pb2.DeleteModelResponse(enforcement=self.house.enforcement())

    def ListAvailableModels(self, asked: models_pb2.ListAvailableModelsRequest, request: Request) -> Any:
        published = [model for model in self.models.values() if model.published_to == "all"]
        available = [models_pb2.AvailableModel(id=model.id, object="model", created=CREATED_S, ready=True) for model in published]
        return models_pb2.ListAvailableModelsResponse(object="list", data=available)

    def CreateTier(self, asked: tiers_pb2.CreateTierRequest, request: Request) -> Any:
        taken = [tier.name for tier in self.tiers.values() if tier.level == asked.level]
        if taken:
            raise RefusalError(409, f'tier "{asked.name}": level {asked.level} is taken by "{taken[0]}"; pick another')
        tier = tiers_pb2.Tier(name=asked.name, level=asked.level, groups=asked.groups, limits=asked.limits, created=CREATED_S)
        tier.strict = asked.strict
        self.tiers[tier.name] = tier
        return self.house.changed(tier)

    def GetTier(self, asked: tiers_pb2.GetTierRequest, request: Request) -> Any:
        return found(self.tiers, asked.name, "tier")

    def ListTiers(self, asked: tiers_pb2.ListTiersRequest, request: Request) -> Any:
        page, following = self.house.page(sorted(self.tiers.values(), key=lambda tier: tier.level), asked.page_size, asked.page_token)
        return tiers_pb2.ListTiersResponse(tiers=page, next_page_token=following)

    def UpdateTier(self, asked: tiers_pb2.UpdateTierRequest, request: Request) -> Any:
        tier: tiers_pb2.Tier = found(self.tiers, asked.name, "tier")
        return self.house.changed(updated(tier, asked))

    def DeleteTier(self, asked: tiers_pb2.DeleteTierRequest, request: Request) -> Any:
        found(self.tiers, asked.name, "tier")
        if len(self.tiers) == 1:
            raise RefusalError(400, f'tier "{asked.name}" is the last one; create another first')
        del self.tiers[asked.name]
        affected = [model.id for model in self.models.values() if asked.name in model.tiers]
        return tiers_pb2.DeleteTierResponse(enforcement=self.house.enforcement(), affected_models=affected)

    def LookupTier(self, asked: tiers_pb2.LookupTierRequest, request: Request) -> Any:
        tiers = [tier for tier in self.tiers.values() if set(tier.groups) & set(asked.groups)]
        if not tiers:
            raise RefusalError(404, f"no tier has any of the groups {', '.join(asked.groups)}")
        best = max(tiers, key=lambda tier: tier.level)
        return tiers_pb2.LookupTierResponse(tier=best.name, display_name=best.display_name)

    def Explain(self, asked: authz_pb2.ExplainRequest, request: Request) -> Any:
        if asked.key_id:
            found(self.keys.kept, asked.key_id, "key")
        return self.explained

    def GetQuota(self, asked: authz_pb2.GetQuotaRequest, request: Request) -> Any:
        if asked.key_id:
            found(self.keys.kept, asked.key_id, "key")
        return self.quota

    def ListAccess(self, asked: authz_pb2.ListAccessRequest, request: Request) -> Any:
        found = [each for each in self.access if asked.model in {"", each.model} and asked.user in {"", each.username}]
        page, following = self.house.page(found, asked.page_size, asked.page_token)
        return authz_pb2.ListAccessResponse(access=page, next_page_token=following)


def _service(module: Any, name: str) -> ServiceDescriptor:
    service: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]
    return service
