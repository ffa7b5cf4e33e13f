"""
Letting a transport call its protocol itself.

Twisted's endpoints put a wrapper between a client's transport and its protocol, which finds out
when the connection is there. After that it only passes calls on: one function more for each read.
"""

from __future__ import annotations

from typing import Any

__all__ = ["connect_directly"]


def connect_directly(transport: Any, protocol: Any) -> None:
    """
    Let a connected transport call a protocol without the wrapper of Twisted's endpoints.

    Args:
        protocol: connected to the transport, with such a wrapper between or without. Over TLS the
            wrapper is between the socket and TLS.
    """
    while transport is not None:
        wrapper = getattr(transport, "protocol", None)
        if getattr(wrapper, "_wrappedProtocol", None) is protocol:
            transport.protocol = protocol
        protocol, transport = transport, getattr(transport, "transport", None)
