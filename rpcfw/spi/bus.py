"""
Message buses: what carries the changes of registry servers to one another.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from rpcfw.spi.plugin import Plugin

__all__ = ["Bus", "OnConnected", "OnMessage"]

#: Called with each message, in the reactor's thread; must not raise and must not block.
OnMessage = Callable[[bytes], None]

#: Called with whether the bus is connected now. The same rules.
OnConnected = Callable[[bool], None]


class Bus(Plugin):
    """
    Carries messages to every process that listens to a subject.

    Contract. Every method is called in the reactor's thread, and none blocks it.

    `start` does not wait until a broker is reachable. The plugin connects again by itself, with
    growing delays, for as long as it runs, and listens again then.

    A message arrives at most once, and perhaps not at all: nothing is kept for a process that
    is not connected. The messages of one sender arrive in the order in which they were
    published. A process may receive its own messages. A message is never cut: it arrives whole.

    Users have to notice what they missed by themselves.
    """

    #: The most bytes of one message; a larger one is refused by `publish`.
    max_message_bytes: int = 512 << 10

    def check_size(self, message: bytes) -> None:
        """
        Check the size of a message to publish.

        Raises:
            ValueError: it is larger than `max_message_bytes`.
        """
        if len(message) > self.max_message_bytes:
            raise ValueError(
                f"the message has {len(message)} bytes; this bus takes {self.max_message_bytes}"
            )

    @property
    @abstractmethod
    def connected(self) -> bool:
        """
        Whether messages can be sent and received now.
        """

    @property
    @abstractmethod
    def trouble(self) -> str:
        """
        Why it is not connected, in words for a person; empty if no problem is known.
        """

    @abstractmethod
    def publish(self, subject: str, message: bytes) -> bool:
        """
        Send a message, and say whether it was handed to the connection.

        It is dropped while there is no connection, and while the broker takes messages more
        slowly than they come: no more than a bounded number of bytes waits.

        Raises:
            ValueError: it is larger than `max_message_bytes`.
        """

    @abstractmethod
    def subscribe(self, subject: str, on_message: OnMessage) -> Callable[[], None]:
        """
        Call ``on_message`` with each message on a subject, until what is returned is called.

        It is not called before this returns.
        """

    @abstractmethod
    def watch_connection(self, on_connected: OnConnected) -> Callable[[], None]:
        """
        Call ``on_connected`` at each change of `connected`, until what is returned is called.

        With True once every subscription is in effect at the broker, so that what is published
        from then on arrives.
        """
