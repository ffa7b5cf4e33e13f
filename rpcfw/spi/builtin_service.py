"""
Services that come with the server: they describe it, and one INI line adds each.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from rpcfw.spi.inspection import Inspection
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.service import Service

__all__ = ["BuiltinService"]


class BuiltinService(Plugin):
    """
    What ``[server] builtin`` names.

    Its services are served beside the user's and are not announced in a registry:
    they say something of this one process, so nobody asks just any instance.

    A call that waits for news, as a watch does, must end by itself when the server
    goes: its service's `Service.leaving` is asked before open calls are awaited.
    """

    @abstractmethod
    def services(self, inspection: Inspection) -> Sequence[Service]:
        """
        Return new service objects. Asked once, while the server is being made.

        Args:
            inspection: the server. Not to be read before the services have started.
        """
