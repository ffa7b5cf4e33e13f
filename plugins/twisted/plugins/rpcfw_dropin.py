"""
What makes ``twist rpcfw`` known to Twisted, which finds it by its place.

Twisted reads every such module whenever anything lists its plugins, so this one
names ours and imports nothing of it.
"""

from __future__ import annotations

from twisted.application.service import ServiceMaker

rpcfw = ServiceMaker(
    "rpcfw",
    "rpcfw.cli.tap",
    "An rpcfw process: services, clients or a registry, as an INI file says",
    "rpcfw",
)
