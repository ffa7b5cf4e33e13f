"""
The descriptors that these tests are about, without protoc.
"""

from __future__ import annotations

from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto

ORDER = """
name: "order.proto" package: "order.v1" syntax: "proto3"
message_type { name: "OrderApiCreate" field { name: "order_id" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL } }
message_type { name: "Order" field { name: "order_id" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL } }
service {
  name: "OrderService"
  method { name: "Create" input_type: ".order.v1.OrderApiCreate" output_type: ".order.v1.Order" }
  method {
    name: "Close" input_type: ".order.v1.OrderApiCreate" output_type: ".order.v1.Order"
    options { idempotency_level: IDEMPOTENT deprecated: true }
  }
  method {
    name: "ServerStream" input_type: ".order.v1.OrderApiCreate" output_type: ".order.v1.Order"
    server_streaming: true options { idempotency_level: NO_SIDE_EFFECTS }
  }
  method {
    name: "ClientStream" input_type: ".order.v1.OrderApiCreate" output_type: ".order.v1.Order"
    client_streaming: true
  }
  method {
    name: "BdStream" input_type: ".order.v1.OrderApiCreate" output_type: ".order.v1.Order"
    client_streaming: true server_streaming: true
  }
}
source_code_info {
  location { path: 6 path: 0 span: 0 span: 0 span: 0 leading_comments: " Orders.\\n\\n A \\"quote\\"\\"\\" and a \\\\ backslash.\\n" }
  location { path: 6 path: 0 path: 2 path: 0 span: 0 span: 0 span: 0 leading_comments: " Makes an order.\\n" }
}
"""  # noqa: E501 - text format

MONEY = """
name: "common/money.proto" package: "common"
message_type { name: "Money" nested_type { name: "Part" } }
message_type { name: "None" }
"""

SHOP = """
name: "foo/deep/money.proto" package: "foo"
dependency: "common/money.proto" dependency: "order.proto" dependency: "class/odd-name.proto"
dependency: "google/protobuf/empty.proto"
message_type { name: "Own" }
service {
  name: "Shop"
  method { name: "Import" input_type: ".foo.Own" output_type: ".common.Money.Part" }
  method { name: "Nothing" input_type: ".common.None" output_type: ".google.protobuf.Empty" }
  method { name: "Odd" input_type: ".odd.M" output_type: ".order.v1.Order" }
}
"""

ODD = 'name: "class/odd-name.proto" package: "odd" message_type { name: "M" }'

EMPTY = (
    'name: "google/protobuf/empty.proto" package: "google.protobuf" message_type { name: "Empty" }'
)


def file(text: str) -> FileDescriptorProto:
    """
    Read one of the above.
    """
    return text_format.Parse(text, FileDescriptorProto())


def files() -> list[FileDescriptorProto]:
    """
    All of the above, each after those that it imports.
    """
    return [file(text) for text in (ORDER, MONEY, ODD, EMPTY, SHOP)]
