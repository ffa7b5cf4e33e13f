"""
What makes service objects, where a class alone does not say how.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.service import Service

__all__ = ["ServiceSource"]


class ServiceSource(ABC):
    """
    An object that ``[server] services`` may name, as ``module:object``, for a class.
    """

    @abstractmethod
    def __call__(self, plugin_context: PluginContext) -> Sequence[Service]:
        """
        Return the services, new ones each time.

        Args:
            plugin_context: what they may use of the process.
        """
