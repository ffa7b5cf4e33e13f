"""
rpcfw: an RPC framework for services that find each other.

The public names are resolved on first use (PEP 562): importing a part of the
framework never imports the rest, and ``import rpcfw.wire`` loads no Twisted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpcfw.app.application import Application
    from rpcfw.app.blocking import blocking
    from rpcfw.client.options import with_options
    from rpcfw.client.stub import Stub
    from rpcfw.errors import ApplicationError, CallError
    from rpcfw.spi.call_details import CallDetails, call_details
    from rpcfw.spi.compressor import uncompressed
    from rpcfw.spi.context import Context, context
    from rpcfw.spi.service import Service, method
    from rpcfw.status import Hint, Status

__all__ = [
    "Application",
    "ApplicationError",
    "CallDetails",
    "CallError",
    "Context",
    "Hint",
    "Service",
    "Status",
    "Stub",
    "blocking",
    "call_details",
    "context",
    "method",
    "uncompressed",
    "with_options",
]

_HOMES = {
    "Application": "rpcfw.app.application",
    "ApplicationError": "rpcfw.errors",
    "CallError": "rpcfw.errors",
    "Context": "rpcfw.spi.context",
    "CallDetails": "rpcfw.spi.call_details",
    "Hint": "rpcfw.status",
    "Service": "rpcfw.spi.service",
    "Status": "rpcfw.status",
    "Stub": "rpcfw.client.stub",
    "blocking": "rpcfw.app.blocking",
    "context": "rpcfw.spi.context",
    "call_details": "rpcfw.spi.call_details",
    "method": "rpcfw.spi.service",
    "uncompressed": "rpcfw.spi.compressor",
    "with_options": "rpcfw.client.options",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'rpcfw' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
