"""
What log lines get that are written in events of a connection or port.

Twisted makes it for each event. Here it is made once for each prefix of log lines.
"""

from __future__ import annotations

from typing import Any

from twisted.python import context
from twisted.python.log import ILogContext, err

__all__ = ["LogContexts"]

#: Log contexts that are kept. Each connection has its own.
_MAX_CONTEXTS = 1024


class LogContexts(dict[str, dict[Any, Any]]):
    """
    The log contexts of one reactor, by the prefix of log lines.
    """

    def made_for(self, selectable: Any) -> dict[Any, Any]:
        """
        Make the log context of a connection or port whose prefix is new, or cannot be had.
        """
        try:
            prefix = selectable.logPrefix()
        except Exception:  # noqa: BLE001  # its bytes are read all the same
            prefix = "(buggy logPrefix method)"
            err(system=prefix)
        if len(self) >= _MAX_CONTEXTS:
            self.clear()
        made = self[prefix] = {ILogContext: {**context.get(ILogContext), "system": prefix}}
        return made
