from buf.validate import validate_pb2 as _validate_pb2
from maas.registry.v1 import models_pb2 as _models_pb2
from maas.registry.v1 import tiers_pb2 as _tiers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchCatalogRequest(_message.Message):
    __slots__ = ("start", "ack")
    START_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    start: WatchCatalogStart
    ack: int
    def __init__(self, start: _Optional[_Union[WatchCatalogStart, _Mapping]] = ..., ack: _Optional[int] = ...) -> None: ...

class WatchCatalogStart(_message.Message):
    __slots__ = ("watcher", "resume_after")
    WATCHER_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    watcher: str
    resume_after: int
    def __init__(self, watcher: _Optional[str] = ..., resume_after: _Optional[int] = ...) -> None: ...

class WatchCatalogResponse(_message.Message):
    __slots__ = ("revision", "snapshot", "change", "heartbeat")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    revision: int
    snapshot: CatalogSnapshot
    change: CatalogChange
    heartbeat: CatalogHeartbeat
    def __init__(self, revision: _Optional[int] = ..., snapshot: _Optional[_Union[CatalogSnapshot, _Mapping]] = ..., change: _Optional[_Union[CatalogChange, _Mapping]] = ..., heartbeat: _Optional[_Union[CatalogHeartbeat, _Mapping]] = ...) -> None: ...

class CatalogSnapshot(_message.Message):
    __slots__ = ("models", "tiers")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[_models_pb2.Model]
    tiers: _containers.RepeatedCompositeFieldContainer[_tiers_pb2.Tier]
    def __init__(self, models: _Optional[_Iterable[_Union[_models_pb2.Model, _Mapping]]] = ..., tiers: _Optional[_Iterable[_Union[_tiers_pb2.Tier, _Mapping]]] = ...) -> None: ...

class CatalogChange(_message.Message):
    __slots__ = ("models", "deleted_models", "tiers", "deleted_tiers")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    DELETED_MODELS_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    DELETED_TIERS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[_models_pb2.Model]
    deleted_models: _containers.RepeatedScalarFieldContainer[str]
    tiers: _containers.RepeatedCompositeFieldContainer[_tiers_pb2.Tier]
    deleted_tiers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, models: _Optional[_Iterable[_Union[_models_pb2.Model, _Mapping]]] = ..., deleted_models: _Optional[_Iterable[str]] = ..., tiers: _Optional[_Iterable[_Union[_tiers_pb2.Tier, _Mapping]]] = ..., deleted_tiers: _Optional[_Iterable[str]] = ...) -> None: ...

class CatalogHeartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
