"""
grpcio's generated code on this framework: its servicers served, its stubs called.

A program that only calls moves by ``from rpcfw_grpc import adapters as grpc``: channels
and credentials are made as in grpcio, and grpcio's names for errors are here. Nothing here
imports grpcio before an adapter is used, and then only its names: status codes, the
end-of-stream mark and the exception that callers catch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rpcfw_grpc.adapters import aio
from rpcfw_grpc.adapters.blocking_channel import BlockingChannel
from rpcfw_grpc.adapters.channel import AioChannel
from rpcfw_grpc.adapters.credentials import ChannelCredentials, ssl_channel_credentials
from rpcfw_grpc.adapters.direct import insecure_channel, secure_channel
from rpcfw_grpc.adapters.grpcio_values import NO_SERVER
from rpcfw_grpc.adapters.servicers import Servicers

__all__ = [
    "AioChannel",
    "BlockingChannel",
    "ChannelCredentials",
    "Servicers",
    "aio",
    "insecure_channel",
    "secure_channel",
    "ssl_channel_credentials",
]

#: Of grpcio, what programs that call name beside channels.
_WORDS = (
    "Call",
    "ChannelConnectivity",
    "ClientCallDetails",
    "Compression",
    "Future",
    "FutureCancelledError",
    "FutureTimeoutError",
    "HandlerCallDetails",
    "RpcError",
    "RpcMethodHandler",
    "ServerInterceptor",
    "ServicerContext",
    "StatusCode",
    "StreamStreamClientInterceptor",
    "StreamUnaryClientInterceptor",
    "UnaryStreamClientInterceptor",
    "UnaryUnaryClientInterceptor",
    "channel_ready_future",
    "intercept_channel",
    "stream_stream_rpc_method_handler",
    "stream_unary_rpc_method_handler",
    "unary_stream_rpc_method_handler",
    "unary_unary_rpc_method_handler",
)


def __getattr__(name: str) -> Any:
    if name == "server":
        raise AttributeError(NO_SERVER)
    if name not in _WORDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("grpc"), name)
