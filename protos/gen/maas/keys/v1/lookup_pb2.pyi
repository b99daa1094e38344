from buf.validate import validate_pb2 as _validate_pb2
from maas.common.v1 import limit_pb2 as _limit_pb2
from maas.keys.v1 import api_keys_pb2 as _api_keys_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LookupApiKeyRequest(_message.Message):
    __slots__ = ("id", "tenant")
    ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    id: str
    tenant: str
    def __init__(self, id: _Optional[str] = ..., tenant: _Optional[str] = ...) -> None: ...

class LookupApiKeyResponse(_message.Message):
    __slots__ = ("record", "revision")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    record: KeyRecord
    revision: int
    def __init__(self, record: _Optional[_Union[KeyRecord, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class KeyRecord(_message.Message):
    __slots__ = ("id", "tenant", "username", "user", "groups", "status", "expires_at", "hashes", "name", "team", "subscription", "scope", "limits", "allowed_ips", "kind", "groups_until")
    ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_IPS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    GROUPS_UNTIL_FIELD_NUMBER: _ClassVar[int]
    id: str
    tenant: str
    username: str
    user: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    status: str
    expires_at: int
    hashes: _containers.RepeatedCompositeFieldContainer[KeyHash]
    name: str
    team: str
    subscription: str
    scope: _api_keys_pb2.AssetScope
    limits: _containers.RepeatedCompositeFieldContainer[_limit_pb2.Limit]
    allowed_ips: _containers.RepeatedScalarFieldContainer[str]
    kind: str
    groups_until: int
    def __init__(self, id: _Optional[str] = ..., tenant: _Optional[str] = ..., username: _Optional[str] = ..., user: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., status: _Optional[str] = ..., expires_at: _Optional[int] = ..., hashes: _Optional[_Iterable[_Union[KeyHash, _Mapping]]] = ..., name: _Optional[str] = ..., team: _Optional[str] = ..., subscription: _Optional[str] = ..., scope: _Optional[_Union[_api_keys_pb2.AssetScope, _Mapping]] = ..., limits: _Optional[_Iterable[_Union[_limit_pb2.Limit, _Mapping]]] = ..., allowed_ips: _Optional[_Iterable[str]] = ..., kind: _Optional[str] = ..., groups_until: _Optional[int] = ...) -> None: ...

class KeyHash(_message.Message):
    __slots__ = ("pepper_id", "hmac_sha256", "sha256", "until")
    PEPPER_ID_FIELD_NUMBER: _ClassVar[int]
    HMAC_SHA256_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    pepper_id: str
    hmac_sha256: bytes
    sha256: bytes
    until: int
    def __init__(self, pepper_id: _Optional[str] = ..., hmac_sha256: _Optional[bytes] = ..., sha256: _Optional[bytes] = ..., until: _Optional[int] = ...) -> None: ...

class WatchKeysRequest(_message.Message):
    __slots__ = ("start", "ack")
    START_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    start: WatchKeysStart
    ack: int
    def __init__(self, start: _Optional[_Union[WatchKeysStart, _Mapping]] = ..., ack: _Optional[int] = ...) -> None: ...

class WatchKeysStart(_message.Message):
    __slots__ = ("watcher", "resume_after", "tenant")
    WATCHER_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    watcher: str
    resume_after: int
    tenant: str
    def __init__(self, watcher: _Optional[str] = ..., resume_after: _Optional[int] = ..., tenant: _Optional[str] = ...) -> None: ...

class WatchKeysResponse(_message.Message):
    __slots__ = ("revision", "reset", "changed", "heartbeat")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    revision: int
    reset: KeysReset
    changed: KeysChanged
    heartbeat: KeysHeartbeat
    def __init__(self, revision: _Optional[int] = ..., reset: _Optional[_Union[KeysReset, _Mapping]] = ..., changed: _Optional[_Union[KeysChanged, _Mapping]] = ..., heartbeat: _Optional[_Union[KeysHeartbeat, _Mapping]] = ...) -> None: ...

class KeysReset(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class KeysChanged(_message.Message):
    __slots__ = ("ids", "users", "teams", "tenants")
    IDS_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    users: _containers.RepeatedScalarFieldContainer[str]
    teams: _containers.RepeatedCompositeFieldContainer[ChangedTeam]
    tenants: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., users: _Optional[_Iterable[str]] = ..., teams: _Optional[_Iterable[_Union[ChangedTeam, _Mapping]]] = ..., tenants: _Optional[_Iterable[str]] = ...) -> None: ...

class ChangedTeam(_message.Message):
    __slots__ = ("tenant", "id")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    id: str
    def __init__(self, tenant: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class KeysHeartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RecordLastUsedRequest(_message.Message):
    __slots__ = ("uses",)
    USES_FIELD_NUMBER: _ClassVar[int]
    uses: _containers.RepeatedCompositeFieldContainer[KeyUse]
    def __init__(self, uses: _Optional[_Iterable[_Union[KeyUse, _Mapping]]] = ...) -> None: ...

class KeyUse(_message.Message):
    __slots__ = ("id", "at")
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    at: int
    def __init__(self, id: _Optional[str] = ..., at: _Optional[int] = ...) -> None: ...

class RecordLastUsedResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
