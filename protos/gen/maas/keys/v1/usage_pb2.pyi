from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecordUsageRequest(_message.Message):
    __slots__ = ("records", "budgets_passed")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    BUDGETS_PASSED_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[UsageRecord]
    budgets_passed: _containers.RepeatedCompositeFieldContainer[BudgetPassed]
    def __init__(self, records: _Optional[_Iterable[_Union[UsageRecord, _Mapping]]] = ..., budgets_passed: _Optional[_Iterable[_Union[BudgetPassed, _Mapping]]] = ...) -> None: ...

class RecordUsageResponse(_message.Message):
    __slots__ = ("recorded", "known")
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    recorded: int
    known: int
    def __init__(self, recorded: _Optional[int] = ..., known: _Optional[int] = ...) -> None: ...

class UsageRecord(_message.Message):
    __slots__ = ("request_id", "outcome", "admitted_ms", "ended_ms", "tenant", "key", "user", "team", "tier", "group", "model", "price", "input_tokens", "output_tokens", "cached_tokens", "total_tokens", "cost", "status")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ADMITTED_MS_FIELD_NUMBER: _ClassVar[int]
    ENDED_MS_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    outcome: str
    admitted_ms: int
    ended_ms: int
    tenant: str
    key: str
    user: str
    team: str
    tier: str
    group: str
    model: str
    price: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    total_tokens: int
    cost: int
    status: int
    def __init__(self, request_id: _Optional[str] = ..., outcome: _Optional[str] = ..., admitted_ms: _Optional[int] = ..., ended_ms: _Optional[int] = ..., tenant: _Optional[str] = ..., key: _Optional[str] = ..., user: _Optional[str] = ..., team: _Optional[str] = ..., tier: _Optional[str] = ..., group: _Optional[str] = ..., model: _Optional[str] = ..., price: _Optional[str] = ..., input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., cached_tokens: _Optional[int] = ..., total_tokens: _Optional[int] = ..., cost: _Optional[int] = ..., status: _Optional[int] = ...) -> None: ...

class BudgetPassed(_message.Message):
    __slots__ = ("tenant", "counter", "subject", "percent", "used", "amount", "window_end", "at_ms")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    COUNTER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_END_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    counter: str
    subject: str
    percent: int
    used: int
    amount: int
    window_end: int
    at_ms: int
    def __init__(self, tenant: _Optional[str] = ..., counter: _Optional[str] = ..., subject: _Optional[str] = ..., percent: _Optional[int] = ..., used: _Optional[int] = ..., amount: _Optional[int] = ..., window_end: _Optional[int] = ..., at_ms: _Optional[int] = ...) -> None: ...
