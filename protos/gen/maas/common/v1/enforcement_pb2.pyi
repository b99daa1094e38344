from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Enforcement(_message.Message):
    __slots__ = ("enforced", "revision", "lagging")
    ENFORCED_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LAGGING_FIELD_NUMBER: _ClassVar[int]
    enforced: bool
    revision: int
    lagging: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, enforced: _Optional[bool] = ..., revision: _Optional[int] = ..., lagging: _Optional[_Iterable[str]] = ...) -> None: ...
