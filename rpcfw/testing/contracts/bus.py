"""
What a message bus promises, as a program.

A plugin's tests mix it with a trial TestCase, and make buses in `bus`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from rpcfw.spi.bus import Bus
from rpcfw.testing.contracts.registry_case import RegistryCase

__all__ = ["BusContract"]

SUBJECT = "rpcfw.test.a"


class BusContract(RegistryCase):
    """
    The contract of `rpcfw.spi.bus.Bus`.
    """

    @abstractmethod
    def bus(self) -> Bus:
        """
        Return a new bus of the same broker, not started.
        """

    @abstractmethod
    async def leave(self) -> None:
        """
        Take the broker away.
        """

    @abstractmethod
    async def come_back(self) -> None:
        """
        Give it back, with nothing that it knew.
        """

    async def started(self) -> Bus:
        """
        Return a bus that is connected; it is stopped after the test.
        """
        bus = self.bus()
        await self.done(bus.start())
        self.addCleanup(lambda: self.as_deferred(bus.stop()))
        await self.until(lambda: bus.connected, "the bus is connected")
        return bus

    async def listening(self, subject: str = SUBJECT) -> tuple[Bus, list[bytes]]:
        """
        Return a bus, and what arrives there; its subscription is in effect.
        """
        bus = self.bus()
        received: list[bytes] = []
        connected: list[bool] = []
        bus.subscribe(subject, received.append)
        bus.watch_connection(connected.append)
        await self.done(bus.start())
        self.addCleanup(lambda: self.as_deferred(bus.stop()))
        await self.until(lambda: connected, "the bus is connected")
        return bus, received

    @abstractmethod
    def as_deferred(self, coroutine: object) -> object:
        """
        Run a clean-up to its end.
        """

    async def test_messages_arrive_in_order(self) -> None:
        """
        What one sender published arrives whole, once, and in order.
        """
        sender = await self.started()
        _, received = await self.listening()
        messages = [b"%d " % number * (number + 1) for number in range(200)]
        for message in messages:
            assert sender.publish(SUBJECT, message)
        await self.until(lambda: len(received) >= len(messages), "all messages arrive")
        assert messages == received

    async def test_every_listener_receives(self) -> None:
        """
        Each process that listens gets each message of its subject, and no other.
        """
        sender = await self.started()
        one, other = await self.listening(), await self.listening()
        elsewhere = await self.listening("rpcfw.test.b")
        sender.publish("rpcfw.test.b", b"b")
        sender.publish(SUBJECT, b"a")
        await self.until(lambda: one[1] and other[1] and elsewhere[1], "all have received it")
        assert [one[1], other[1], elsewhere[1]] == [[b"a"], [b"a"], [b"b"]]

    async def test_any_bytes_up_to_the_limit(self) -> None:
        """
        A message may hold any bytes; the largest arrives, and a larger one is refused.
        """
        sender = await self.started()
        _, received = await self.listening()
        every = bytes(range(256))
        largest = every * (sender.max_message_bytes // 256)
        sender.publish(SUBJECT, b"")
        sender.publish(SUBJECT, b"\r\nPUB a 1\r\n+MSG")
        sender.publish(SUBJECT, largest)
        await self.until(lambda: len(received) == 3, "the messages arrive")
        assert [b"", b"\r\nPUB a 1\r\n+MSG", largest] == received
        try:
            sender.publish(SUBJECT, bytes(sender.max_message_bytes + 1))
        except ValueError:
            return
        self.fail("a message that is too large is refused")

    async def test_a_closed_subscription_receives_nothing(self) -> None:
        """
        A closed listener is not called, while others are. Closing may be repeated.
        """
        sender = await self.started()
        bus, received = await self.listening()
        late: list[bytes] = []
        close = bus.subscribe(SUBJECT, late.append)
        close()
        close()
        sender.publish(SUBJECT, b"a")
        await self.until(lambda: received, "the message arrives")
        assert late == []

    async def test_connects_again(self) -> None:
        """
        A broker that stops and comes back empty is noticed, and later messages arrive.

        What is published meanwhile is dropped.
        """
        sender = await self.started()
        bus, received = await self.listening()
        changes: list[bool] = []
        bus.watch_connection(changes.append)
        await self.leave()
        await self.until(lambda: not bus.connected and not sender.connected, "both notice")
        assert bus.trouble
        assert changes == [False]
        assert not sender.publish(SUBJECT, b"lost")
        await self.come_back()
        await self.until(lambda: changes[-1] and sender.connected, "both are connected again")
        assert bus.trouble == ""
        assert sender.publish(SUBJECT, b"after")
        await self.until(lambda: received, "a later message arrives")
        assert received == [b"after"]

    async def test_starts_without_a_broker(self) -> None:
        """
        `start` does not wait for a broker, and the bus is connected once there is one.
        """
        await self.leave()
        bus = self.bus()
        self.addCleanup(lambda: self.as_deferred(bus.stop()))
        await self.done(bus.start())
        assert not bus.connected
        await self.come_back()
        await self.until(lambda: bus.connected, "the bus is connected")

    async def test_a_listener_that_raises_ends_nothing(self) -> None:
        """
        Its error is logged; other listeners and later messages are not affected.
        """
        sender = await self.started()
        bus, received = await self.listening()

        def broken(message: bytes) -> None:
            raise ValueError(message)

        close: Callable[[], None] = bus.subscribe(SUBJECT, broken)
        await self.settle()
        sender.publish(SUBJECT, b"1")
        sender.publish(SUBJECT, b"2")
        await self.until(lambda: len(received) == 2, "both arrive")
        close()
        flush: Callable[..., list[object]] = self.flushLoggedErrors
        assert flush(ValueError)

    async def settle(self) -> None:
        """
        Let a subscription that was made while connected come into effect.
        """
        await self.pass_time(self.step_s * 2)
