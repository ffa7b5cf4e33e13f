"""
Routers: which instances a call may go to at all.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.plugin import Plugin
from rpcfw.values.call import Call

__all__ = ["Router"]


class Router(Plugin):
    """
    Narrows the live set. Routers are in a chain; each sees what the one before left.

    Its answer is remembered for all calls with the same `key`, until the set
    changes or the router says, through what `on_change` gave it, that its rules
    did. So `narrow` may take its time; `key` runs on every attempt.
    """

    def key(self, call: Call) -> Hashable:
        """
        Return all of the call that the answer depends on. None: nothing.
        """
        return None

    @abstractmethod
    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """
        Return those candidates that the call may go to, in the same order.

        Pure: the same key and candidates give the same answer. Never waits.
        Nothing left means that the call fails with `NoInstances`.
        """

    def on_change(self, changed: Callable[[], None]) -> None:
        """
        Keep ``changed`` and call it whenever remembered answers became wrong.
        """
