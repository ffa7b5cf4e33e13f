"""
What the modules that protoc wrote say of a method.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from rpcfw.errors import ContractError
from rpcfw.values.method import Method, Shape

__all__ = ["SHAPES", "called_method", "method_of", "service_descriptor"]

#: More than the modules of a program define.
_MAX_METHODS = 10_000
#: By what grpcio calls it: which of the sides stream.
SHAPES = {
    "unary_unary": Shape.UNARY,
    "unary_stream": Shape.SERVER_STREAM,
    "stream_unary": Shape.CLIENT_STREAM,
    "stream_stream": Shape.BIDI_STREAM,
}


def service_descriptor(name: str) -> ServiceDescriptor:
    """
    Return the descriptor of a service whose ``_pb2`` module was imported.

    Raises:
        ContractError: none was.
    """
    try:
        return descriptor_pool.Default().FindServiceByName(name)
    except KeyError:
        raise ContractError(
            f"no imported _pb2 module defines the service {name!r}; "
            "only what protoc generated can be adapted"
        ) from None


def called_method(path: str, kind: str, serializer: Any, deserializer: Any) -> Method:
    """
    Return a method that a stub asks a channel for.

    Args:
        kind: which of `SHAPES`.
        serializer: of requests; None for the generated one.
        deserializer: of responses; None for the generated one.

    Raises:
        ContractError: there is no such method, or it is written and read otherwise.
    """
    method = method_of(path, SHAPES[kind])
    wanted = (
        ("request_serializer", serializer, method.request_type.SerializeToString),
        ("response_deserializer", deserializer, method.response_type.FromString),
    )
    for name, given, generated in wanted:
        if given is not None and given != generated:
            raise ContractError(
                f"{name} of {path} is {given!r}; only what protoc generated can be adapted, "
                f"which is {generated!r}"
            )
    return method


# Programs make a stub for each call. What is kept by method, as its coders and its metrics, is
# kept once all the same.
@lru_cache(_MAX_METHODS)
def method_of(path: str, shape: Shape) -> Method:
    """
    Return a method by its path, as ``/demo.Greeter/Say``; the same object each time.

    Raises:
        ContractError: the service has no such method, or it has another shape.
    """
    service, _, name = path.strip("/").rpartition("/")
    found = service_descriptor(service).methods_by_name.get(name)
    if found is None:
        raise ContractError(f"the service {service!r} has no method {name!r} in its _pb2 module")
    if (found.client_streaming, found.server_streaming) != (
        shape.client_streams,
        shape.server_streams,
    ):
        raise ContractError(f"{path} is not {shape.value} in its _pb2 module")
    level = found.GetOptions().idempotency_level
    return Method(
        service=service,
        name=name,
        shape=shape,
        request_type=message_factory.GetMessageClass(found.input_type),
        response_type=message_factory.GetMessageClass(found.output_type),
        codec="protobuf",
        idempotent=level != MethodOptions.IDEMPOTENCY_UNKNOWN,
    )
