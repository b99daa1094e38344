from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PeekRequest(_message.Message):
    __slots__ = ("plan", "user", "tenant", "key", "team", "tier", "model")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    plan: str
    user: str
    tenant: str
    key: str
    team: str
    tier: str
    model: str
    def __init__(self, plan: _Optional[str] = ..., user: _Optional[str] = ..., tenant: _Optional[str] = ..., key: _Optional[str] = ..., team: _Optional[str] = ..., tier: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class PeekResponse(_message.Message):
    __slots__ = ("limits",)
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    limits: _containers.RepeatedCompositeFieldContainer[LimitState]
    def __init__(self, limits: _Optional[_Iterable[_Union[LimitState, _Mapping]]] = ...) -> None: ...

class LimitState(_message.Message):
    __slots__ = ("id", "metric", "window", "amount", "used", "reserved", "remaining", "reset", "per", "over")
    ID_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    PER_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    id: str
    metric: str
    window: str
    amount: int
    used: int
    reserved: int
    remaining: int
    reset: int
    per: str
    over: str
    def __init__(self, id: _Optional[str] = ..., metric: _Optional[str] = ..., window: _Optional[str] = ..., amount: _Optional[int] = ..., used: _Optional[int] = ..., reserved: _Optional[int] = ..., remaining: _Optional[int] = ..., reset: _Optional[int] = ..., per: _Optional[str] = ..., over: _Optional[str] = ...) -> None: ...

class ListCountersRequest(_message.Message):
    __slots__ = ("limit_id", "subject", "tenant", "page_size", "page_token")
    LIMIT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    limit_id: str
    subject: str
    tenant: str
    page_size: int
    page_token: str
    def __init__(self, limit_id: _Optional[str] = ..., subject: _Optional[str] = ..., tenant: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCountersResponse(_message.Message):
    __slots__ = ("counters", "next_page_token")
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    counters: _containers.RepeatedCompositeFieldContainer[Counter]
    next_page_token: str
    def __init__(self, counters: _Optional[_Iterable[_Union[Counter, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Counter(_message.Message):
    __slots__ = ("limit_id", "metric", "window", "per", "subject", "used", "reserved", "reset", "throttled")
    LIMIT_ID_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    PER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    THROTTLED_FIELD_NUMBER: _ClassVar[int]
    limit_id: str
    metric: str
    window: str
    per: str
    subject: str
    used: int
    reserved: int
    reset: int
    throttled: bool
    def __init__(self, limit_id: _Optional[str] = ..., metric: _Optional[str] = ..., window: _Optional[str] = ..., per: _Optional[str] = ..., subject: _Optional[str] = ..., used: _Optional[int] = ..., reserved: _Optional[int] = ..., reset: _Optional[int] = ..., throttled: _Optional[bool] = ...) -> None: ...

class ResetCountersRequest(_message.Message):
    __slots__ = ("limit_id", "subject", "tenant", "reason")
    LIMIT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    limit_id: str
    subject: str
    tenant: str
    reason: str
    def __init__(self, limit_id: _Optional[str] = ..., subject: _Optional[str] = ..., tenant: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ResetCountersResponse(_message.Message):
    __slots__ = ("counters",)
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    counters: int
    def __init__(self, counters: _Optional[int] = ...) -> None: ...

class ListEstimatesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEstimatesResponse(_message.Message):
    __slots__ = ("estimates", "next_page_token")
    ESTIMATES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    estimates: _containers.RepeatedCompositeFieldContainer[ModelEstimate]
    next_page_token: str
    def __init__(self, estimates: _Optional[_Iterable[_Union[ModelEstimate, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ModelEstimate(_message.Message):
    __slots__ = ("model", "tokens_per_byte", "output_mean", "samples")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_BYTE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MEAN_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    model: str
    tokens_per_byte: float
    output_mean: float
    samples: int
    def __init__(self, model: _Optional[str] = ..., tokens_per_byte: _Optional[float] = ..., output_mean: _Optional[float] = ..., samples: _Optional[int] = ...) -> None: ...
