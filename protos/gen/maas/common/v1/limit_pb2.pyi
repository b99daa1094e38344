from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Limit(_message.Message):
    __slots__ = ("id", "metric", "amount", "window", "per", "over", "notify")
    ID_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    PER_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    NOTIFY_FIELD_NUMBER: _ClassVar[int]
    id: str
    metric: str
    amount: int
    window: str
    per: str
    over: str
    notify: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, id: _Optional[str] = ..., metric: _Optional[str] = ..., amount: _Optional[int] = ..., window: _Optional[str] = ..., per: _Optional[str] = ..., over: _Optional[str] = ..., notify: _Optional[_Iterable[int]] = ...) -> None: ...
