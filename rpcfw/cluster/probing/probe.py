"""
One probe of one node: connect, and have it answer.

A new connection each time: a node that takes no more connections is not reached by who needs
one. Then it is pinged. A process that stands still is connected to by its system, and answers
nothing. Servers of gRPC count pings, so there it is a call of its health service instead.
Whatever is answered to that, the node is reached, even if it has no such service or does not
serve: that is for its callers to find out.
"""

from __future__ import annotations

from rpcfw.errors import CallError, DeadlineExceeded
from rpcfw.spi.events import RequestHead, ResponseReceived
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import Waiter, sleep, with_deadline
from rpcfw.status import Status
from rpcfw.transport.connection.driver import Driver, UnaryListener
from rpcfw.transport.pool.link import LinkState
from rpcfw.transport.pool.pool import ConnectionPool
from rpcfw.transport.runtime import Runtime
from rpcfw.values.address import Address

__all__ = ["probe"]

_CHECK = RequestHead("grpc.health.v1.Health/Check", "protobuf")
#: How often it is looked whether a ping was answered.
_LOOK_S = 0.02


async def probe(runtime: Runtime, address: Address, protocol: str, timeout_s: float) -> str:
    """
    Return why a node is not reached; empty if it is.

    Args:
        protocol: that it speaks.
        timeout_s: for all of it.
    """
    attempt = _Attempt(runtime, address, protocol)
    try:
        end = runtime.timers.seconds() + timeout_s
        return await with_deadline(attempt.run(), runtime.timers, end)
    except DeadlineExceeded:
        return f"{attempt.what} took longer than {timeout_s:g} s"
    finally:
        attempt.close()


class _Attempt:
    """
    One probe, with its connection.
    """

    def __init__(self, runtime: Runtime, address: Address, protocol: str) -> None:
        #: What is waited for, for an error.
        self.what = "connecting"
        self._clock: Clock = runtime.clock
        self._settled: Waiter[None] = Waiter()
        self._links: ConnectionPool = runtime.make_pool(address, protocol, self._changed)

    async def run(self) -> str:
        self._links.connect()
        await self._settled
        if self._links.state is not LinkState.READY:
            return " ".join(self._links.reason.split()) or "it cannot be connected to"
        self.what = "its answer"
        driver = self._links.drivers[0]
        if self._links.pings_limited:
            return await _Check(driver).answer
        return await self._ping(driver)

    def close(self) -> None:
        self._links.close("the probe has ended")

    def _changed(self) -> None:
        if self._links.state is not LinkState.CONNECTING and not self._settled.called:
            self._settled.callback(None)

    async def _ping(self, driver: Driver) -> str:
        # The answer is no event of its own, and every byte that comes later proves as much. What
        # the node sends with its handshake comes before the ping.
        await sleep(self._clock, _LOOK_S)
        driver.ping()
        pinged_at = self._clock.seconds()
        while driver.received_at < pinged_at:
            if driver.over:
                return "the connection was closed"
            await sleep(self._clock, _LOOK_S)
        return ""


class _Check(UnaryListener):
    """
    A call of gRPC's health service.
    """

    def __init__(self, driver: Driver) -> None:
        self.answer: Waiter[str] = Waiter()
        try:
            driver.request(_CHECK, b"", "", self)
        except CallError as error:
            self.answer.callback(error.message)

    def responded(self, event: ResponseReceived) -> None:
        self._end("")

    def lost(self, error: CallError) -> None:
        # UNAVAILABLE is what a proxy says that does not reach the node itself.
        reached = error.remote and error.status is not Status.UNAVAILABLE
        self._end("" if reached else error.message)

    def _end(self, reason: str) -> None:
        if not self.answer.called:
            self.answer.callback(reason)
