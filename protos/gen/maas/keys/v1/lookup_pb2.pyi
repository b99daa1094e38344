from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LookupApiKeyRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class LookupApiKeyResponse(_message.Message):
    __slots__ = ("record", "revision")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    record: KeyRecord
    revision: int
    def __init__(self, record: _Optional[_Union[KeyRecord, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class KeyRecord(_message.Message):
    __slots__ = ("id", "tenant", "username", "user", "groups", "status", "expires_at", "hashes", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    tenant: str
    username: str
    user: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    status: str
    expires_at: int
    hashes: _containers.RepeatedCompositeFieldContainer[KeyHash]
    name: str
    def __init__(self, id: _Optional[str] = ..., tenant: _Optional[str] = ..., username: _Optional[str] = ..., user: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., status: _Optional[str] = ..., expires_at: _Optional[int] = ..., hashes: _Optional[_Iterable[_Union[KeyHash, _Mapping]]] = ..., name: _Optional[str] = ...) -> None: ...

class KeyHash(_message.Message):
    __slots__ = ("pepper_id", "hmac_sha256")
    PEPPER_ID_FIELD_NUMBER: _ClassVar[int]
    HMAC_SHA256_FIELD_NUMBER: _ClassVar[int]
    pepper_id: str
    hmac_sha256: bytes
    def __init__(self, pepper_id: _Optional[str] = ..., hmac_sha256: _Optional[bytes] = ...) -> None: ...

class WatchKeysRequest(_message.Message):
    __slots__ = ("start", "ack")
    START_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    start: WatchKeysStart
    ack: int
    def __init__(self, start: _Optional[_Union[WatchKeysStart, _Mapping]] = ..., ack: _Optional[int] = ...) -> None: ...

class WatchKeysStart(_message.Message):
    __slots__ = ("watcher", "resume_after")
    WATCHER_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    watcher: str
    resume_after: int
    def __init__(self, watcher: _Optional[str] = ..., resume_after: _Optional[int] = ...) -> None: ...

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
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class KeysHeartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
