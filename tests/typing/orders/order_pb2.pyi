from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class OrderApiCreate(_message.Message):
    __slots__ = ("order_id", "user_id", "remark", "reason_id")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    REMARK_FIELD_NUMBER: _ClassVar[int]
    REASON_ID_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    user_id: _containers.RepeatedScalarFieldContainer[int]
    remark: str
    reason_id: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, order_id: _Optional[int] = ..., user_id: _Optional[_Iterable[int]] = ..., remark: _Optional[str] = ..., reason_id: _Optional[_Iterable[int]] = ...) -> None: ...

class CloseApiCreate(_message.Message):
    __slots__ = ("order_id",)
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    def __init__(self, order_id: _Optional[int] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("order_id", "user_id", "remark", "reason_id")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    REMARK_FIELD_NUMBER: _ClassVar[int]
    REASON_ID_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    user_id: _containers.RepeatedScalarFieldContainer[int]
    remark: str
    reason_id: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, order_id: _Optional[int] = ..., user_id: _Optional[_Iterable[int]] = ..., remark: _Optional[str] = ..., reason_id: _Optional[_Iterable[int]] = ...) -> None: ...
