"""
Channels to one target for plain threads, with the signatures of grpcio's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from rpcfw_grpc.adapters.blocking_channel import BlockingChannel
from rpcfw_grpc.adapters.credentials import ChannelCredentials
from rpcfw_grpc.adapters.settings import INSECURE, settings

__all__ = ["insecure_channel", "secure_channel"]


def insecure_channel(
    target: str,
    options: Iterable[tuple[str, Any]] | None = None,
    compression: Any = None,
    *,
    sets: Sequence[str] = (),
) -> BlockingChannel:
    """
    Return a channel to one target, for every service, without TLS.

    It has an application of its own, in memory, which ends when it is closed.

    Args:
        target: as ``host:port``; docs/from-grpcio.md has all forms.
        options: as grpcio's; see there what each does.
        compression: a `grpc.Compression`.
        sets: settings of the application, as ``client.timeout=30s``, over all others.

    Raises:
        ContractError: something of this cannot be used.
        SettingsError: a setting is wrong.
    """
    return _channel(target, INSECURE, options, compression, sets)


def secure_channel(
    target: str,
    credentials: ChannelCredentials,
    options: Iterable[tuple[str, Any]] | None = None,
    compression: Any = None,
    *,
    sets: Sequence[str] = (),
) -> BlockingChannel:
    """
    Return a channel to one target, for every service, over TLS.

    Args:
        credentials: what our own `ssl_channel_credentials` made, of files.

    Raises:
        TypeError: the credentials are others, as grpcio's, which cannot be read.
    """
    return _channel(target, credentials, options, compression, sets)


def _channel(
    target: str, credentials: Any, options: Any, compression: Any, sets: Sequence[str]
) -> BlockingChannel:
    with settings(target, credentials, options, compression, sets) as given:
        # Found by name: nothing of the framework's upper floors is known here.
        application = import_module("rpcfw").blocking(sets=given)
    return BlockingChannel.owning(application)
