"""
Channels to one target for asyncio, with the signatures of grpcio's.

They are made where an asyncio loop runs, as under `asyncio.run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from rpcfw.errors import ContractError
from rpcfw.spi.runtime.waiting import running_loop
from rpcfw_grpc.adapters.channel import AioChannel
from rpcfw_grpc.adapters.credentials import ChannelCredentials
from rpcfw_grpc.adapters.grpcio_values import NO_SERVER
from rpcfw_grpc.adapters.settings import INSECURE, settings

__all__ = ["insecure_channel", "secure_channel"]

#: Of `grpc.aio`, what programs name beside channels.
_WORDS = (
    "AioRpcError",
    "Call",
    "ClientCallDetails",
    "ClientInterceptor",
    "EOF",
    "Metadata",
    "ServerInterceptor",
    "ServicerContext",
    "StreamStreamClientInterceptor",
    "StreamUnaryClientInterceptor",
    "UnaryStreamClientInterceptor",
    "UnaryUnaryClientInterceptor",
    "UsageError",
)


def insecure_channel(
    target: str,
    options: Iterable[tuple[str, Any]] | None = None,
    compression: Any = None,
    interceptors: Sequence[Any] | None = None,
    *,
    sets: Sequence[str] = (),
) -> AioChannel:
    """
    Return a channel to one target, for every service, without TLS.

    It has an application of its own, in memory, which ends when it is closed.

    Args:
        target: as ``host:port``; docs/from-grpcio.md has all forms.
        options: as grpcio's; see there what each does.
        compression: a `grpc.Compression`.
        interceptors: of `grpc.aio`, the first outermost.
        sets: settings of the application, as ``client.timeout=30s``, over all others.

    Raises:
        ContractError: something of this cannot be used, or no loop runs.
        SettingsError: a setting is wrong.
        SetupError: Twisted's reactor has another loop.
    """
    return _channel(target, INSECURE, options, compression, interceptors, sets)


def secure_channel(
    target: str,
    credentials: ChannelCredentials,
    options: Iterable[tuple[str, Any]] | None = None,
    compression: Any = None,
    interceptors: Sequence[Any] | None = None,
    *,
    sets: Sequence[str] = (),
) -> AioChannel:
    """
    Return a channel to one target, for every service, over TLS.

    Args:
        credentials: what our own `ssl_channel_credentials` made, of files.

    Raises:
        TypeError: the credentials are others, as grpcio's, which cannot be read.
    """
    return _channel(target, credentials, options, compression, interceptors, sets)


def _channel(
    target: str,
    credentials: Any,
    options: Any,
    compression: Any,
    interceptors: Sequence[Any] | None,
    sets: Sequence[str],
) -> AioChannel:
    if running_loop() is None:
        raise ContractError(
            "no asyncio loop runs here: make the channel in a coroutine, under asyncio.run; "
            "without asyncio, AioChannel(application) takes an application of yours"
        )
    with settings(target, credentials, options, compression, sets) as given:
        # Found by name: nothing of the framework's upper floors is known here.
        application = import_module("rpcfw").Application.from_ini(
            sets=["app.reactor=asyncio", *given]
        )
    return AioChannel.owning(application, interceptors)


def __getattr__(name: str) -> Any:
    if name == "server":
        raise AttributeError(NO_SERVER)
    if name not in _WORDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("grpc.aio"), name)
