"""
What the watches of one record share, wherever the record is.
"""

from __future__ import annotations

from abc import abstractmethod

from twisted.internet.defer import Deferred

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.waiting import sleep
from rpcfw_registries.rules.store import RecordListener

__all__ = ["RecordWatch"]


class RecordWatch(RuleWatch):
    """
    Follows one record, which need not be there yet.

    Args:
        what: the record, for the log.
    """

    def __init__(
        self,
        what: str,
        listener: RecordListener,
        on_refused: OnRefused,
        plugin_context: PluginContext,
    ) -> None:
        self._listener = listener
        self._on_refused = on_refused
        self._clock = plugin_context.clock
        self._random = plugin_context.random
        #: Why it was refused; empty if it is not.
        self._reason = ""
        self._open = True
        self._running: Deferred[None] = loop_in_background(
            self._run, f"watching {what}", self._clock
        )

    def close(self) -> None:
        if self._open:
            self._open = False
            # A listener may close its own watch, and the loop ends by itself then.
            self._clock.callLater(0, self._running.cancel)

    async def _run(self) -> None:
        # Who watches may not have the watch in hand yet, and it may not be made to its end.
        await sleep(self._clock, 0)
        while self._open:
            await self._follow()

    @abstractmethod
    async def _follow(self) -> None:
        """
        Tell changes for as long as that goes well. It is called again at once.
        """

    def _tell(self, record: bytes | None) -> None:
        """
        Tell the record, None if there is none.
        """
        self._reason = ""
        if self._open:
            self._listener(record)

    def _refuse(self, reason: str) -> None:
        """
        Tell that the record cannot be read, once for each reason.
        """
        if self._open and reason != self._reason:
            self._reason = reason
            self._on_refused(reason)
