"""
Which of several servers is in use, and the channel to it.

Theory of operation. There is one channel, to one of the addresses. Whoever finds that
it does not work reports that: the channel is closed, the next address has its turn, and
nobody tries before a delay is over. All users share the channel and the delay, so a
process with a hundred watches tries a dead server as often as one with a single watch.

A process that had to leave its first server goes back after half an hour to an hour, if that
server answers then. So one that was restarted gets its share of a fleet again, a few processes
in a second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.errors import CallError, Unavailable
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.status import Hint, Status
from rpcfw.values.address import Address
from rpcfw.values.backoff import Backoff

__all__ = ["Failover"]

#: A process goes back to its first server after this time; half of it is random.
_RETURN_S = 3600.0

_log = Logger()


class _Closable(Protocol):
    def close(self) -> Coroutine[Any, Any, None]: ...


C = TypeVar("C", bound=_Closable)


class Failover(Generic[C]):
    """
    The connection to one of several servers.

    Args:
        addresses: of all servers, in the order in which they are tried.
        open_channel: opens a channel to an address.
        what: the name of such a server in the log.
        away: the statuses for which the next server is tried; all others are about
            the request.
        max_s: the longest delay between tries, before jitter.
        lost: called each time a channel is closed, because of a failure or for the first server.
        check: raises CallError if the server at a channel does not answer. None: a server that
            was left is used again only when others fail.
    """

    def __init__(
        self,
        addresses: tuple[Address, ...],
        open_channel: Callable[[Address], C],
        what: str,
        away: Collection[Status],
        max_s: float,
        plugin_context: PluginContext,
        lost: Callable[[], None],
        check: Callable[[C], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self._addresses = addresses
        self._open_channel = open_channel
        self._what = what
        self._statuses = away
        self._backoff = Backoff(initial_s=min(0.2, max_s), max_s=max_s)
        self._plugin_context = plugin_context
        self._lost = lost
        self._check = check
        #: Waits to use the first server again.
        self._returning: Deferred[None] | None = None
        self._turn = 0
        self._failures = 0
        self._not_before = 0.0
        self._channel: C | None = None
        self._closed = False
        #: Why the last that was tried failed; empty if it did not.
        self.trouble = ""

    @property
    def servers(self) -> int:
        """
        How many servers there are.
        """
        return len(self._addresses)

    @property
    def away(self) -> bool:
        """
        Whether the last that was tried failed.
        """
        return self._failures > 0

    async def open(self) -> C:
        """
        Return the channel, after the delay if there were failures.
        """
        clock = self._plugin_context.clock
        while (wait_s := self._not_before - clock.seconds()) > 0:
            await sleep(clock, wait_s)
        return self.channel()

    def channel(self) -> C:
        """
        Return the channel, at once.
        """
        if self._channel is None:
            self._channel = self._open_channel(self._address)
        return self._channel

    def answered(self, channel: C) -> None:
        """
        Learn that the server at the other end of ``channel`` has answered.
        """
        if channel is self._channel and self._failures:
            self._failures = 0
            self._not_before = 0.0
            self.trouble = ""
            _log.info("{what} {address} answers", what=self._what, address=str(self._address))

    def failed(self, channel: C, error: CallError) -> bool:
        """
        Take a failure on ``channel``, and return whether the server is unreachable.
        """
        if error.status not in self._statuses:
            if not error.hints & Hint.NEVER_SENT:
                # It answers, if only with a refusal. Were it still taken for unreachable, the
                # next request would follow at once: it is `open` that waits then.
                self.answered(channel)
            return False
        if channel is self._channel:
            self._give_up(channel, error)
        return True

    def cause(self, channel: C, error: CallError) -> CallError:
        """
        Return why a request on ``channel`` has failed, to be asked after `failed`.

        All users share the channel. If one of them has found the server to be unreachable, the
        requests of the others end as cancelled, which says nothing to a person.
        """
        closed = channel is not self._channel and error.status is Status.CANCELLED
        return Unavailable(self.trouble, hints=error.hints) if closed and self.trouble else error

    async def close(self) -> None:
        """
        Close the channel.
        """
        self._closed = True
        if self._returning is not None:
            self._returning.cancel()
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    @property
    def _address(self) -> Address:
        return self._addresses[self._turn % len(self._addresses)]

    def _give_up(self, channel: C, error: CallError) -> None:
        if not self._failures:
            _log.warn(
                "{what} {address} is unreachable ({error}); it is tried again, and the last "
                "lists stay in use",
                what=self._what,
                address=str(self._address),
                error=str(error),
            )
        self.trouble = f"{self._what} {self._address} is unreachable ({error})"
        self._channel = None
        self._failures += 1
        self._turn += 1
        # The delay grows once all addresses have been tried.
        rounds = (self._failures - 1) // len(self._addresses) + 1
        delay_s = self._backoff.delay_s(rounds, self._plugin_context.random.random())
        self._not_before = self._plugin_context.clock.seconds() + delay_s
        self._close(channel)
        self._return_later()
        self._lost()

    def _close(self, channel: C) -> None:
        in_background(channel.close(), f"closing the channel to {self._what}")

    def _is_at_first(self) -> bool:
        return self._turn % len(self._addresses) == 0

    def _return_later(self) -> None:
        if (
            self._check is None
            or self._closed
            or self._is_at_first()
            or self._returning is not None
        ):
            return
        self._returning = in_background(self._return(self._check), f"going back to {self._what}")

    async def _return(self, check: Callable[[C], Coroutine[Any, Any, None]]) -> None:
        """
        Use the first server again as soon as it answers. The other one is in use until then.
        """
        clock, random = self._plugin_context.clock, self._plugin_context.random
        while not (self._is_at_first() or self._closed):
            await sleep(clock, _RETURN_S * (0.5 + 0.5 * random.random()))
            if self._is_at_first():
                break
            first = self._open_channel(self._addresses[0])
            try:
                with suppress(CallError):
                    await check(first)
                    self._use_first(first)
            finally:
                if first is not self._channel:
                    self._close(first)
        self._returning = None

    def _use_first(self, first: C) -> None:
        if self._is_at_first() or self._closed:
            return
        other, self._channel = self._channel, first
        self._turn = self._failures = 0
        self._not_before = 0.0
        self.trouble = ""
        if other is not None:
            self._close(other)
        self._lost()
