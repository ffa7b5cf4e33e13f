"""
The links of one node: the first one, which stays, and further ones that come and go.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.spi.inspection import Calls, total
from rpcfw.spi.runtime.clock import Clock, DelayedCall
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.pool.counts import PoolCounts
from rpcfw.transport.pool.link import Link, LinkState
from rpcfw.transport.pool.options import LinkOptions

__all__ = ["LinkSet"]


class LinkSet:
    """
    The links of one node.

    Args:
        make_link: makes one.
        options: how many there may be, and how long a surplus one stays.
        clock: time.
        counts: where further connections are counted.
    """

    def __init__(
        self,
        make_link: Callable[[], Link],
        options: LinkOptions,
        clock: Clock,
        counts: PoolCounts,
    ) -> None:
        self.first = make_link()
        self._make_link = make_link
        self._options = options
        self._clock = clock
        self._counts = counts
        self._links = [self.first]
        #: The calls on links that were removed.
        self._past = Calls()
        #: Further links without a call when they were last looked at.
        self._idle: set[Link] = set()
        self._timer: DelayedCall | None = None

    @property
    def drivers(self) -> tuple[Driver, ...]:
        """
        The connections that take calls, even if they are full.
        """
        return tuple(link.driver for link in self._links if link.driver is not None)

    @property
    def connections(self) -> tuple[tuple[Driver, float], ...]:
        """
        The open connections, with the times when they began.
        """
        return tuple(one for link in self._links for one in link.connections)

    @property
    def past(self) -> Calls:
        """
        The calls on connections that are closed.
        """
        return total((self._past, *(link.past for link in self._links)))

    @property
    def state(self) -> LinkState:
        """
        READY or CONNECTING if any link is, else the state of the first.
        """
        if any(link.driver is not None for link in self._links):
            return LinkState.READY
        if any(link.state is LinkState.CONNECTING for link in self._links):
            return LinkState.CONNECTING
        return self.first.state

    def open_further(self) -> None:
        """
        Open a further link, if that may help and none is being opened.
        """
        if self.first.state is LinkState.CLOSED or any(
            link.state in (LinkState.CONNECTING, LinkState.WAITING) for link in self._links
        ):
            return
        idle = next((link for link in self._links if link.state is LinkState.IDLE), None)
        if idle is None:
            if len(self._links) >= self._options.max_connections:
                return
            idle = self._make_link()
            self._links.append(idle)
            self._counts.further.value += 1
            self._look_later()
        idle.connect()

    def end(self, close: Callable[[Link], None]) -> None:
        """
        Close all, the first one first: then no other is opened.
        """
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for link in tuple(self._links):
            close(link)

    def _look_later(self) -> None:
        if self._timer is None or not self._timer.active():
            look_s = self._options.surplus_idle_timeout / 2
            self._timer = self._clock.callLater(look_s, self._close_surplus)

    def _close_surplus(self) -> None:
        """
        Close the further links that have no call, and had none at the last look.
        """
        # While the first is not connected, any other is better than none.
        unreachable = self.first.state in (LinkState.WAITING, LinkState.CONNECTING)
        idle = set() if unreachable else set(filter(_is_idle, self._links[1:]))
        surplus = idle & self._idle
        self._idle = idle - surplus
        self._links = [link for link in self._links if link not in surplus]
        if len(self._links) > 1:
            self._look_later()
        for link in surplus:
            link.drain("further connections are not needed now")
            self._past = total((self._past, link.past))


def _is_idle(link: Link) -> bool:
    if link.driver is None:
        return link.state is not LinkState.CONNECTING
    return not link.driver.listeners
