"""API keys, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maas.keys.v1 import api_keys_pb2 as pb

from cli.tests.fakes.house import CREATED_S, House, found, updated
from cli.tests.fakes.people import GROUPS
from cli.tests.fakes.transcoder import RefusalError
from cli.tests.fakes.web import Request

SECRET = "0" * 42 + "x" + "CHECKS"


@dataclass(slots=True)
class Keys:
    """`pending_because` has new keys wait for an approver."""

    house: House
    kept: dict[str, pb.ApiKey] = field(default_factory=dict)
    pending_because: str = ""
    config: pb.ApiKeyConfig = field(default_factory=pb.ApiKeyConfig)

    def CreateApiKey(self, asked: pb.CreateApiKeyRequest, request: Request) -> Any:
        if asked.expires_in and not asked.expires_in[:-1].isdigit():
            wrong = f'"{asked.expires_in}": want a number and m, h or d'
            raise RefusalError(400, "the request is not valid", violations={"expires_in": wrong})
        return self._made(self._new(asked, asked.kind or "standard", request))

    def CreatePersonalApiKey(self, asked: pb.CreatePersonalApiKeyRequest, request: Request) -> Any:
        for key in self.kept.values():
            if key.kind == "personal":
                return pb.CreateApiKeyResponse(id=key.id, name=key.name, note="it was there before")
        return self._made(self._new(pb.CreateApiKeyRequest(name="personal"), "personal", request))

    def GetApiKeyConfig(self, asked: pb.GetApiKeyConfigRequest, request: Request) -> Any:
        return self.config

    def GetApiKey(self, asked: pb.GetApiKeyRequest, request: Request) -> Any:
        return found(self.kept, asked.id, "key")

    def ListApiKeys(self, asked: pb.ListApiKeysRequest, request: Request) -> Any:
        keys = [
            key
            for key in reversed(self.kept.values())
            if asked.username in {"", key.username} and asked.team in {"", key.team} and key.status in (asked.status or [key.status])
        ]
        page, following = self.house.page(keys, asked.page_size, asked.page_token)
        return pb.ListApiKeysResponse(api_keys=page, next_page_token=following)

    def SearchApiKeys(self, asked: pb.SearchApiKeysRequest, request: Request) -> Any:
        keys = [key for key in self.kept.values() if asked.filters.name_contains in key.name]
        page, following = self.house.page(keys, asked.pagination.limit, asked.pagination.page_token)
        return pb.SearchApiKeysResponse(object="list", data=page, has_more=bool(following), next_page_token=following)

    def UpdateApiKey(self, asked: pb.UpdateApiKeyRequest, request: Request) -> Any:
        return self.house.changed(updated(found(self.kept, asked.id, "key"), asked))

    def RotateApiKey(self, asked: pb.RotateApiKeyRequest, request: Request) -> Any:
        key = found(self.kept, asked.id, "key")
        return pb.RotateApiKeyResponse(key=f"{key.key_prefix}_{SECRET}", api_key=self.house.changed(key))

    def DisableApiKey(self, asked: pb.DisableApiKeyRequest, request: Request) -> Any:
        return self._become(asked, "disabled")

    def EnableApiKey(self, asked: pb.EnableApiKeyRequest, request: Request) -> Any:
        return self._become(asked, "active")

    def ApproveApiKey(self, asked: pb.ApproveApiKeyRequest, request: Request) -> Any:
        return self._become(asked, "active")

    def RejectApiKey(self, asked: pb.RejectApiKeyRequest, request: Request) -> Any:
        return self._become(asked, "revoked")

    def RevokeApiKey(self, asked: pb.RevokeApiKeyRequest, request: Request) -> Any:
        return self._become(asked, "revoked")

    def DeleteApiKey(self, asked: pb.DeleteApiKeyRequest, request: Request) -> Any:
        found(self.kept, asked.id, "key")
        del self.kept[asked.id]
        return pb.DeleteApiKeyResponse(enforcement=self.house.enforcement())

    def BulkRevokeApiKeys(self, asked: pb.BulkRevokeApiKeysRequest, request: Request) -> Any:
        keys = [key for key in self.kept.values() if key.username == (asked.username or self.house.caller(request))]
        for key in keys:
            key.status = key.status if asked.dry_run else "revoked"
        return pb.BulkRevokeApiKeysResponse(revoked_count=len(keys), message=f"{len(keys)} keys", dry_run=asked.dry_run)

    def ImportApiKeys(self, asked: pb.ImportApiKeysRequest, request: Request) -> Any:
        return pb.ImportApiKeysResponse(imported=len(asked.keys), dry_run=asked.dry_run)

    def _new(self, asked: pb.CreateApiKeyRequest, kind: str, request: Request) -> pb.ApiKey:
        key = pb.ApiKey(id=f"Key{len(self.kept):09d}", name=asked.name, description=asked.description, kind=kind, team=asked.team)
        key.status = "pending" if self.pending_because else "active"
        key.pending_reasons.extend([self.pending_because] if self.pending_because else [])
        key.username = asked.username or self.house.caller(request)
        key.owner.kind = asked.owner_kind or "user"
        key.groups.extend(asked.groups or GROUPS[self.house.caller(request)])
        key.limits.extend(asked.limits)
        if asked.HasField("budget"):
            key.budget.CopyFrom(asked.budget)
        key.scope.CopyFrom(asked.scope)
        key.labels.update(asked.labels)
        key.allowed_ips.extend(asked.allowed_ips)
        key.key_prefix = f"sk-maas-{key.id}"
        key.etag = "1"
        key.creation_date.FromSeconds(CREATED_S)
        key.expiration_date.FromSeconds(CREATED_S + 86400)
        self.kept[key.id] = key
        return key

    def _made(self, key: pb.ApiKey) -> pb.CreateApiKeyResponse:
        made = pb.CreateApiKeyResponse(key=f"{key.key_prefix}_{SECRET}", id=key.id, name=key.name, username=key.username)
        made.status, made.kind = key.status, key.kind
        made.pending_reasons.extend(key.pending_reasons)
        made.expires_at.CopyFrom(key.expiration_date)
        made.enforcement.CopyFrom(self.house.enforcement())
        return made

    def _become(self, asked: Any, status: str) -> Any:
        key: pb.ApiKey = found(self.kept, asked.id, "key")
        key.status = status
        return self.house.changed(key)
