"""
The messages of etcd's v3 API that a registry needs.

The messages are made here, at run time, in a pool of descriptors of their own. So
no generated code is tied to one version of protobuf, and another library in the
same process may bring etcd's ``rpc.proto`` too. The numbers are etcd's.

They are declared with explicit presence: a member of a ``oneof`` that is set to zero
is sent then, and nothing else of a ``oneof`` is needed. An enumeration is a number
on the wire, and so it is here.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from rpcfw.values.method import Method, Shape

__all__ = [
    "AUTHENTICATE",
    "COMPARE_LEASE",
    "COMPARE_MOD",
    "EVENT_DELETE",
    "LEASE_GRANT",
    "LEASE_KEEP_ALIVE",
    "LEASE_REVOKE",
    "RANGE",
    "TXN",
    "WATCH",
    "message",
]

#: `Compare.target`: the lease that a key is attached to; 0 without one, or without the key.
COMPARE_LEASE: Final = 4
#: `Compare.target`: the revision of the key's last change; 0 without the key.
COMPARE_MOD: Final = 2
#: `Event.type`; the other is PUT.
EVENT_DELETE: Final = 1

_PACKAGE = "etcdserverpb"

#: Each message with its fields: number, type, name. A star: any number of them.
_MESSAGES = {
    "ResponseHeader": "3 int64 revision",
    "KeyValue": "1 bytes key, 3 int64 mod_revision, 5 bytes value, 6 int64 lease",
    "RangeRequest": (
        "1 bytes key, 2 bytes range_end, 3 int64 limit, 4 int64 revision,"
        "8 bool keys_only, 9 bool count_only"
    ),
    "RangeResponse": "1 ResponseHeader header, 2 KeyValue* kvs, 3 bool more, 4 int64 count",
    "PutRequest": "1 bytes key, 2 bytes value, 3 int64 lease",
    "DeleteRangeRequest": "1 bytes key",
    "RequestOp": (
        "1 RangeRequest request_range, 2 PutRequest request_put,"
        "3 DeleteRangeRequest request_delete_range, 4 TxnRequest request_txn"
    ),
    "ResponseOp": "1 RangeResponse response_range, 4 TxnResponse response_txn",
    # EQUAL is the `result` of a comparison that says nothing else.
    "Compare": "2 int32 target, 3 bytes key, 6 int64 mod_revision, 8 int64 lease",
    "TxnRequest": "1 Compare* compare, 2 RequestOp* success, 3 RequestOp* failure",
    "TxnResponse": "1 ResponseHeader header, 2 bool succeeded, 3 ResponseOp* responses",
    "LeaseGrantRequest": "1 int64 TTL",
    "LeaseGrantResponse": "2 int64 ID, 3 int64 TTL",
    "LeaseKeepAliveRequest": "1 int64 ID",
    "LeaseKeepAliveResponse": "2 int64 ID, 3 int64 TTL",
    "LeaseRevokeRequest": "1 int64 ID",
    "LeaseRevokeResponse": "1 ResponseHeader header",
    "WatchCreateRequest": (
        "1 bytes key, 2 bytes range_end, 3 int64 start_revision, 8 bool fragment"
    ),
    "WatchRequest": "1 WatchCreateRequest create_request",
    "WatchResponse": (
        "1 ResponseHeader header, 3 bool created, 4 bool canceled, 5 int64 compact_revision,"
        "6 string cancel_reason, 7 bool fragment, 11 Event* events"
    ),
    "Event": "1 int32 type, 2 KeyValue kv",
    "AuthenticateRequest": "1 string name, 2 string password",
    "AuthenticateResponse": "2 string token",
}

_TYPES = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "string": FieldDescriptorProto.TYPE_STRING,
}


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="rpcfw/etcd.proto", package=_PACKAGE)
    for name, fields in _MESSAGES.items():
        declared = file.message_type.add(name=name)
        for text in fields.split(","):
            number, kind, field = text.split()
            _declare(declared.field.add(name=field, number=int(number)), kind)
    return file


def _declare(field: FieldDescriptorProto, kind: str) -> None:
    repeated = kind.endswith("*")
    field.label = (
        FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    )
    kind = kind.rstrip("*")
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"


_pool = DescriptorPool()
_pool.AddSerializedFile(_file().SerializeToString())
# Protobuf before 4.22, which the package etcd3 wants, has it under the second name.
_class_for = getattr(message_factory, "GetMessageClass", None) or (
    message_factory.MessageFactory(_pool).GetPrototype  # type: ignore[attr-defined]  # see above
)
_CLASSES = {
    name: _class_for(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
}


def message(name: str, /, **fields: Any) -> Any:
    """
    Return one of the messages above.
    """
    return _CLASSES[name](**fields)


def _method(service: str, name: str, shape: Shape = Shape.UNARY) -> Method:
    request, response = _CLASSES[f"{name}Request"], _CLASSES[f"{name}Response"]
    return Method(f"{_PACKAGE}.{service}", name, shape, request, response, "protobuf")


RANGE: Final = _method("KV", "Range")
TXN: Final = _method("KV", "Txn")
LEASE_GRANT: Final = _method("Lease", "LeaseGrant")
LEASE_REVOKE: Final = _method("Lease", "LeaseRevoke")
#: etcd has it as a stream of both sides. One request that ends its side at once gets
#: one response and the end: over gRPC that is the same as a unary call.
LEASE_KEEP_ALIVE: Final = _method("Lease", "LeaseKeepAlive")
WATCH: Final = _method("Watch", "Watch", Shape.BIDI_STREAM)
AUTHENTICATE: Final = _method("Auth", "Authenticate")
