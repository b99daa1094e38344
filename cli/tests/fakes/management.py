"""The management services behind the transcoder, in memory: small, and in the protos' own messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maas.authz.v1 import authz_pb2
from maas.common.v1.enforcement_pb2 import Enforcement
from maas.keys.v1 import api_keys_pb2
from maas.ratelimit.v1 import limits_pb2
from maas.registry.v1 import models_pb2, tiers_pb2

from cli.tests.fakes.limits import Limits
from cli.tests.fakes.people import GROUPS, Issuer
from cli.tests.fakes.transcoder import RefusalError, Transcoder, refused
from cli.tests.fakes.web import Request, Response

CREATED_S = 1767225600  # 2026-01-01 00:00:00Z
SECRET = "0" * 42 + "x" + "CHECKS"
DESCRIPTORS = [
    api_keys_pb2.DESCRIPTOR.services_by_name["ApiKeysService"],
    models_pb2.DESCRIPTOR.services_by_name["ModelsService"],
    models_pb2.DESCRIPTOR.services_by_name["AvailableModelsService"],
    tiers_pb2.DESCRIPTOR.services_by_name["TiersService"],
    authz_pb2.DESCRIPTOR.services_by_name["AuthzService"],
]
LIMITS = [limits_pb2.DESCRIPTOR.services_by_name["LimitsService"]]


@dataclass(slots=True)
class Management:
    """`lagging` names watchers that don't confirm; `page_max` is the most that a page holds; `down` answers 503 to everything."""

    issuer: Issuer
    keys: dict[str, api_keys_pb2.ApiKey] = field(default_factory=dict)
    models: dict[str, models_pb2.Model] = field(default_factory=dict)
    tiers: dict[str, tiers_pb2.Tier] = field(default_factory=dict)
    lagging: list[str] = field(default_factory=list)
    page_max: int = 2
    down: bool = False
    requests: list[Request] = field(default_factory=list)
    explained: authz_pb2.ExplainResponse = field(default_factory=authz_pb2.ExplainResponse)
    quota: authz_pb2.GetQuotaResponse = field(default_factory=authz_pb2.GetQuotaResponse)
    limits: Limits = field(default_factory=Limits)

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if self.down:
            return refused(RefusalError(503, "no healthy upstream"))
        if request.bearer not in self.issuer.names:
            return refused(RefusalError(401, "Invalid or expired token"))
        if request.path.startswith("/v1/limits/"):
            return Transcoder(LIMITS, self.limits)(request)
        return Transcoder(DESCRIPTORS, self)(request)

    def CreateApiKey(self, asked: api_keys_pb2.CreateApiKeyRequest, request: Request) -> Any:
        if asked.expires_in and not asked.expires_in[:-1].isdigit():
            wrong = f'"{asked.expires_in}": want a number and m, h or d'
            raise RefusalError(400, "the request is not valid", violations={"expires_in": wrong})
        key = api_keys_pb2.ApiKey(id=f"Key{len(self.keys):09d}", name=asked.name, description=asked.description, status="active")
        key.username = asked.username or self._caller(request)
        key.groups.extend(asked.groups or GROUPS[self._caller(request)])
        key.key_prefix = f"sk-maas-{key.id}"
        key.creation_date.FromSeconds(CREATED_S)
        key.expiration_date.FromSeconds(CREATED_S + 86400)
        self.keys[key.id] = key
        made = api_keys_pb2.CreateApiKeyResponse(key=f"{key.key_prefix}_{SECRET}", id=key.id, name=key.name, username=key.username)
        made.expires_at.CopyFrom(key.expiration_date)
        made.enforcement.CopyFrom(self._enforcement())
        return made

    def GetApiKey(self, asked: api_keys_pb2.GetApiKeyRequest, request: Request) -> Any:
        return _found(self.keys, asked.id, "key")

    def ListApiKeys(self, asked: api_keys_pb2.ListApiKeysRequest, request: Request) -> Any:
        keys = [key for key in reversed(self.keys.values()) if asked.username in {"", key.username}]
        page, following = self._page(keys, asked)
        return api_keys_pb2.ListApiKeysResponse(api_keys=page, next_page_token=following)

    def RevokeApiKey(self, asked: api_keys_pb2.RevokeApiKeyRequest, request: Request) -> Any:
        key: api_keys_pb2.ApiKey = _found(self.keys, asked.id, "key")
        key.status = "revoked"
        return self._changed(key)

    def CreateModel(self, asked: models_pb2.CreateModelRequest, request: Request) -> Any:
        if asked.id in self.models:
            raise RefusalError(409, f'model "{asked.id}" exists already; pick another id')
        model = models_pb2.Model(id=asked.id, url=asked.url, upstream_name=asked.upstream_name, tiers=asked.tiers, created=CREATED_S)
        if asked.HasField("pricing"):
            model.pricing.CopyFrom(asked.pricing)
        model.published_to = asked.published_to or "nobody"
        model.state, model.state_reason = ("rejected", "Invalid port") if ":99999" in asked.url else ("ready", "")
        self.models[model.id] = model
        return self._changed(model)

    def GetModel(self, asked: models_pb2.GetModelRequest, request: Request) -> Any:
        return _found(self.models, asked.id, "model")

    def ListModels(self, asked: models_pb2.ListModelsRequest, request: Request) -> Any:
        if self._caller(request) != "admin":
            raise RefusalError(403, "alice is not an administrator")
        page, following = self._page(list(self.models.values()), asked)
        return models_pb2.ListModelsResponse(models=page, next_page_token=following)

    def UpdateModel(self, asked: models_pb2.UpdateModelRequest, request: Request) -> Any:
        model: models_pb2.Model = _found(self.models, asked.id, "model")
        return self._changed(_updated(model, asked))

    def DeleteModel(self, asked: models_pb2.DeleteModelRequest, request: Request) -> Any:
        _found(self.models, asked.id, "model")
        del self.models[asked.id]
        return models_pb2.DeleteModelResponse(enforcement=self._enforcement())

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
        return self._changed(tier)

    def GetTier(self, asked: tiers_pb2.GetTierRequest, request: Request) -> Any:
        return _found(self.tiers, asked.name, "tier")

    def ListTiers(self, asked: tiers_pb2.ListTiersRequest, request: Request) -> Any:
        page, following = self._page(sorted(self.tiers.values(), key=lambda tier: tier.level), asked)
        return tiers_pb2.ListTiersResponse(tiers=page, next_page_token=following)

    def UpdateTier(self, asked: tiers_pb2.UpdateTierRequest, request: Request) -> Any:
        tier: tiers_pb2.Tier = _found(self.tiers, asked.name, "tier")
        return self._changed(_updated(tier, asked))

    def DeleteTier(self, asked: tiers_pb2.DeleteTierRequest, request: Request) -> Any:
        _found(self.tiers, asked.name, "tier")
        if len(self.tiers) == 1:
            raise RefusalError(400, f'tier "{asked.name}" is the last one; create another first')
        del self.tiers[asked.name]
        affected = [model.id for model in self.models.values() if asked.name in model.tiers]
        return tiers_pb2.DeleteTierResponse(enforcement=self._enforcement(), affected_models=affected)

    def LookupTier(self, asked: tiers_pb2.LookupTierRequest, request: Request) -> Any:
        tiers = [tier for tier in self.tiers.values() if set(tier.groups) & set(asked.groups)]
        if not tiers:
            raise RefusalError(404, f"no tier has any of the groups {', '.join(asked.groups)}")
        best = max(tiers, key=lambda tier: tier.level)
        return tiers_pb2.LookupTierResponse(tier=best.name, display_name=best.display_name)

    def Explain(self, asked: authz_pb2.ExplainRequest, request: Request) -> Any:
        if asked.key_id:
            _found(self.keys, asked.key_id, "key")
        return self.explained

    def GetQuota(self, asked: authz_pb2.GetQuotaRequest, request: Request) -> Any:
        if asked.key_id:
            _found(self.keys, asked.key_id, "key")
        return self.quota

    def _caller(self, request: Request) -> str:
        return self.issuer.names[request.bearer]

    def _page(self, items: list[Any], asked: Any) -> tuple[list[Any], str]:
        start = int(asked.page_token or 0)
        end = start + min(asked.page_size or self.page_max, self.page_max)
        return items[start:end], str(end) if end < len(items) else ""

    def _enforcement(self) -> Enforcement:
        return Enforcement(enforced=not self.lagging, revision=7, lagging=self.lagging)

    def _changed(self, resource: Any) -> Any:
        answer = type(resource)()
        answer.CopyFrom(resource)
        answer.enforcement.CopyFrom(self._enforcement())
        return answer


def _found(kept: dict[str, Any], name: str, kind: str) -> Any:
    if name not in kept:
        raise RefusalError(404, f'{kind} "{name}" not found')
    return kept[name]


def _updated(resource: Any, asked: Any) -> Any:
    """AIP-134 with presence: what is given, and what the mask names."""
    if asked.etag and asked.etag != resource.etag:
        raise RefusalError(409, f"etag {asked.etag} is not the current one")
    kept = {"id", "name", "etag", "update_mask"}
    given = {descriptor.name for descriptor, _ in asked.ListFields()} | set(asked.update_mask.paths)
    for name in given - kept:
        resource.ClearField(name)
        value = getattr(asked, name)
        if isinstance(value, models_pb2.Pricing) and not asked.HasField(name):
            continue
        if isinstance(value, str | int):
            setattr(resource, name, value)
        else:
            getattr(resource, name).MergeFrom(value)
    return resource
