from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Limit(_message.Message):
    __slots__ = ("id", "metric", "amount", "window", "per")
    ID_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    PER_FIELD_NUMBER: _ClassVar[int]
    id: str
    metric: str
    amount: int
    window: str
    per: str
    def __init__(self, id: _Optional[str] = ..., metric: _Optional[str] = ..., amount: _Optional[int] = ..., window: _Optional[str] = ..., per: _Optional[str] = ...) -> None: ...
