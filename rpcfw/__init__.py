"""
rpcfw: an RPC framework for services that find each other.

The public names are resolved on first use (PEP 562): importing a part of the
framework never imports the rest, and ``import rpcfw.wire`` loads no Twisted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rpcfw.app import Application as Application
    from rpcfw.blocking import blocking as blocking_app
    from rpcfw.spi.service import Service as Service
