"""
Reading something again after each sign that it may have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.logger import Logger

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import sleep
from rpcfw_registries.zookeeper.session import Unreachable, ZooKeeperSession

__all__ = ["Refresh"]

_log = Logger()

#: The delay before a failed read is repeated, give or take a fifth.
_RETRY_S = 1.0


class Refresh:
    """
    One read at a time, and once more if it became outdated meanwhile.

    Args:
        what: is read, for the log.
        read: reads it.
        min_interval_s: least time between the beginnings of two reads.
    """

    def __init__(
        self,
        what: str,
        read: Callable[[], Coroutine[Any, Any, None]],
        session: ZooKeeperSession,
        plugin_context: PluginContext,
        min_interval_s: float,
    ) -> None:
        self._what = what
        self._read = read
        self._session = session
        self._clock = plugin_context.clock
        self._random = plugin_context.random
        self._min_interval_s = min_interval_s
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=1)
        self._read_at = -min_interval_s
        self._outdated = False
        self._busy = False
        self._closed = False
        self._retry: DelayedCall | None = None

    def outdated(self) -> None:
        """
        Read it, soon. While no server is reached, the next connect must call this again.
        """
        self._outdated = True
        if not self._busy and not self._closed and self._session.session_id:
            self._busy = True
            in_background(self._read_all(), f"reading {self._what} in ZooKeeper")

    def retry_later(self, delay_s: float = _RETRY_S) -> None:
        """
        Read it again after a delay.
        """
        if not self._closed and (self._retry is None or not self._retry.active()):
            delay_s *= 0.8 + 0.4 * self._random.random()
            self._retry = self._clock.callLater(delay_s, self.outdated)

    def warn(self, kind: str, what: str) -> None:
        """
        Write a line to the log, one a minute of each kind.
        """
        self._log.warn_of(kind, "{what}", what=what)

    def close(self) -> None:
        """
        Read nothing any more.
        """
        self._closed = True
        if self._retry is not None and self._retry.active():
            self._retry.cancel()

    async def _read_all(self) -> None:
        try:
            while self._outdated and not self._closed:
                wait = self._read_at + self._min_interval_s - self._clock.seconds()
                if wait > 0:
                    await sleep(self._clock, wait)
                self._read_at = self._clock.seconds()
                self._outdated = False
                await self._read()
        except RegistryError as error:
            if not isinstance(error, Unreachable):
                self.warn("refused", f"{self._what} cannot be read: {error}")
            self.retry_later()
        finally:
            self._busy = False
