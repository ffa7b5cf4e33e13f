"""
One host name, looked up again and again.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.localhost import LOOPBACK, is_localhost

__all__ = ["LookUp", "Name", "look_up"]

#: A host name to the texts of its addresses, in no order. Blocks; raises OSError.
LookUp = Callable[[str], list[str]]

_log = Logger()

#: The first wait after a failure; it doubles up to the usual time.
_FIRST_WAIT_S = 1.0
#: The random share that is taken off a wait, so that a fleet does not ask at once.
_JITTER = 0.1


def look_up(host: str) -> list[str]:
    """
    Ask the system: its hosts file, its name servers, whatever it is set up with.

    Addresses of a family that this machine has none of are left out.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except OSError:
        if is_localhost(host):
            return [LOOPBACK]
        raise
    return [str(sockaddr[0]) for *_, sockaddr in found]


class Name:
    """
    A host name with the addresses that it had when it was last looked up.

    A look-up that fails leaves them as they are.

    Args:
        host: the name.
        plugin_context: of the registry.
        ask: looks it up, in another thread.
        refresh_s: time between two look-ups.
        limit: more addresses than this are not used.
        changed: called after each change of the addresses.
    """

    def __init__(
        self,
        host: str,
        plugin_context: PluginContext,
        ask: LookUp,
        refresh_s: float,
        limit: int,
        changed: Callable[[], None],
    ) -> None:
        #: None until they are known.
        self.addresses: tuple[str, ...] | None = None
        self.host = host
        self._plugin_context = plugin_context
        self._ask = ask
        self._refresh_s = refresh_s
        self._limit = limit
        self._changed = changed
        self._failures = 0
        self._complaint = ""
        self._running: Deferred[None] | None = None

    @property
    def trouble(self) -> str:
        """
        Why it cannot be looked up; empty if it can.
        """
        return self._complaint if self._failures else ""

    def start(self) -> None:
        """
        Look it up now, and from now on.
        """
        self._running = loop_in_background(
            self._run, f"looking up {self.host}", self._plugin_context.clock
        )

    def stop(self) -> None:
        """
        Look it up no more.
        """
        if self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        clock, random = self._plugin_context.clock, self._plugin_context.random
        while True:
            await self._look()
            wait_s = self._refresh_s
            if self._failures:
                wait_s = min(wait_s, _FIRST_WAIT_S * 2 ** min(self._failures - 1, 20))
            await sleep(clock, wait_s * (1 - _JITTER * random.random()))

    async def _look(self) -> None:
        try:
            found = await self._plugin_context.threads.call(self._ask, self.host)
            if not found:
                raise OSError("it has no address")
        except Exception as error:  # noqa: BLE001  # also if there is no thread for it
            self._failures += 1
            kept = "the last addresses are kept" if self.addresses else "none is known"
            self._complain(
                f"{self.host} cannot be looked up: {str(error) or type(error).__name__}; {kept}"
            )
            return
        self._failures = 0
        self._take(sorted(set(found)))

    def _take(self, found: list[str]) -> None:
        limit = self._limit
        over = len(found) > limit
        self._complain(
            f"{self.host} has {len(found)} addresses, of which limit = {limit} are used"
            if over
            else ""
        )
        addresses = tuple(found[:limit])
        if addresses != self.addresses:
            self.addresses = addresses
            self._changed()

    def _complain(self, complaint: str) -> None:
        """
        Log what is wrong when it changes, not at every look-up.
        """
        if complaint == self._complaint:
            return
        self._complaint = complaint
        if complaint:
            _log.warn("{complaint}", complaint=complaint)
        else:
            _log.info("{host} can be looked up again", host=self.host)
