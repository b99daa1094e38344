from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from maas.common.v1 import limit_pb2 as _limit_pb2
from maas.ratelimit.v1 import limits_pb2 as _limits_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListAccessRequest(_message.Message):
    __slots__ = ("model", "user", "page_size", "page_token")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    model: str
    user: str
    page_size: int
    page_token: str
    def __init__(self, model: _Optional[str] = ..., user: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAccessResponse(_message.Message):
    __slots__ = ("access", "next_page_token")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    access: _containers.RepeatedCompositeFieldContainer[Access]
    next_page_token: str
    def __init__(self, access: _Optional[_Iterable[_Union[Access, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Access(_message.Message):
    __slots__ = ("user", "username", "model", "allowed", "tier", "group", "reason")
    USER_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    user: str
    username: str
    model: str
    allowed: bool
    tier: str
    group: str
    reason: str
    def __init__(self, user: _Optional[str] = ..., username: _Optional[str] = ..., model: _Optional[str] = ..., allowed: _Optional[bool] = ..., tier: _Optional[str] = ..., group: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class GetQuotaRequest(_message.Message):
    __slots__ = ("key_id", "model")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    model: str
    def __init__(self, key_id: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class GetQuotaResponse(_message.Message):
    __slots__ = ("tier", "group", "user", "limits")
    TIER_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    tier: str
    group: str
    user: str
    limits: _containers.RepeatedCompositeFieldContainer[_limits_pb2.LimitState]
    def __init__(self, tier: _Optional[str] = ..., group: _Optional[str] = ..., user: _Optional[str] = ..., limits: _Optional[_Iterable[_Union[_limits_pb2.LimitState, _Mapping]]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("key_id", "groups", "model", "path")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    model: str
    path: str
    def __init__(self, key_id: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("allowed", "code", "type", "message", "tier", "group", "model", "user", "limits", "plan", "steps")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    code: int
    type: str
    message: str
    tier: str
    group: str
    model: str
    user: str
    limits: _containers.RepeatedCompositeFieldContainer[_limit_pb2.Limit]
    plan: str
    steps: _containers.RepeatedCompositeFieldContainer[ExplainStep]
    def __init__(self, allowed: _Optional[bool] = ..., code: _Optional[int] = ..., type: _Optional[str] = ..., message: _Optional[str] = ..., tier: _Optional[str] = ..., group: _Optional[str] = ..., model: _Optional[str] = ..., user: _Optional[str] = ..., limits: _Optional[_Iterable[_Union[_limit_pb2.Limit, _Mapping]]] = ..., plan: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[ExplainStep, _Mapping]]] = ...) -> None: ...

class ExplainStep(_message.Message):
    __slots__ = ("check", "outcome", "detail")
    CHECK_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    check: str
    outcome: str
    detail: str
    def __init__(self, check: _Optional[str] = ..., outcome: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...
