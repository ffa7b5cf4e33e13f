"""
The service that implementations of gRPC are tried with, as descriptors of this process.

Field numbers are those of grpc/testing/{empty,messages,test}.proto, of which only what
the cases use stands here.
"""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from rpcfw.codegen.dynamic import services_from_set
from rpcfw_grpc.services.proto_text import read_file

__all__ = ["SERVICE", "SERVICES", "message"]

_TEXT = """
package grpc.testing;

message Empty {}
message BoolValue { bool value = 1; }
enum PayloadType { COMPRESSABLE = 0; }
message Payload { PayloadType type = 1; bytes body = 2; }
message EchoStatus { int32 code = 1; string message = 2; }

message SimpleRequest {
  PayloadType response_type = 1;
  int32 response_size = 2;
  Payload payload = 3;
  bool fill_username = 4;
  bool fill_oauth_scope = 5;
  BoolValue response_compressed = 6;
  EchoStatus response_status = 7;
  BoolValue expect_compressed = 8;
  bool fill_server_id = 9;
}
message SimpleResponse {
  Payload payload = 1;
  string username = 2;
  string oauth_scope = 3;
  string server_id = 4;
}

message StreamingInputCallRequest { Payload payload = 1; BoolValue expect_compressed = 2; }
message StreamingInputCallResponse { int32 aggregated_payload_size = 1; }

message ResponseParameters { int32 size = 1; int32 interval_us = 2; BoolValue compressed = 3; }
message StreamingOutputCallRequest {
  PayloadType response_type = 1;
  repeated ResponseParameters response_parameters = 2;
  Payload payload = 3;
  EchoStatus response_status = 7;
}
message StreamingOutputCallResponse { Payload payload = 1; }

service TestService {
  rpc EmptyCall(Empty) returns (Empty);
  rpc UnaryCall(SimpleRequest) returns (SimpleResponse);
  rpc StreamingOutputCall(StreamingOutputCallRequest)
      returns (stream StreamingOutputCallResponse);
  rpc StreamingInputCall(stream StreamingInputCallRequest) returns (StreamingInputCallResponse);
  rpc FullDuplexCall(stream StreamingOutputCallRequest)
      returns (stream StreamingOutputCallResponse);
  rpc HalfDuplexCall(stream StreamingOutputCallRequest)
      returns (stream StreamingOutputCallResponse);
  rpc CacheableUnaryCall(SimpleRequest) returns (SimpleResponse);
  rpc UnimplementedCall(Empty) returns (Empty);
}

service UnimplementedService { rpc UnimplementedCall(Empty) returns (Empty); }
"""

SERVICE = "grpc.testing.TestService"
SERVICES = services_from_set(
    FileDescriptorSet(file=[read_file("grpc/testing/test.proto", _TEXT)]).SerializeToString()
)


def message(name):
    """
    Return the class of a message of the package.
    """
    return SERVICES.message(f"grpc.testing.{name}")
