"""
Triple, the wire protocol of Apache Dubbo 3 (``tri://``): gRPC, and Java methods without Protobuf.

Methods with Protobuf messages are plain gRPC. The arguments of other methods are in Hessian 2, and
a Protobuf message is wrapped around them. `server` and `client` are gRPC's machines with what
Triple adds: its header fields, and exceptions of methods.
"""
