"""
What a client says to a broker and understands of it, without I/O: the interface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from attrs import frozen

__all__ = ["BrokerError", "BrokerListener", "BrokerMachine", "Login", "check_subject"]

_MAX_SUBJECT_CHARS = 256


class BrokerError(Exception):
    """
    The connection cannot be used: the broker refuses it, or breaks the protocol.
    """


@frozen
class Login:
    """
    Who connects.

    Args:
        name: of the application, shown by the broker's own tools.
        secret: the password, or a token.
    """

    name: str
    user: str = ""
    secret: str = ""


class BrokerListener(Protocol):
    """
    What the machines of one bus report to.
    """

    @property
    def subjects(self) -> list[str]:
        """
        What to subscribe to.
        """

    def deliver(self, subject: str, message: bytes) -> None:
        """
        Take a message.
        """

    def skipped(self) -> None:
        """
        Note that a message was too large.
        """

    def refused(self, text: str) -> None:
        """
        Note what the broker refused without closing the connection.
        """


class BrokerMachine(ABC):
    """
    The client's side of one connection.

    The driver gives it what arrives (`receive`), and sends what it wants to say
    (`take_output`) and the messages (`encode`).

    Args:
        login: who connects.
        listener: whom to tell.
        max_message_bytes: a larger message is skipped as it arrives.
    """

    def __init__(self, login: Login, listener: BrokerListener, max_message_bytes: int) -> None:
        self.login = login
        self.listener = listener
        self.max_message_bytes = max_message_bytes
        #: Whether the broker has accepted the connection, and each subscription is in effect.
        self.ready = False
        #: Whether TLS has to begin now; the driver calls `tls_started` then.
        self.wants_tls = False
        self._output: list[bytes] = []
        self._unanswered_pings = 0

    def begin(self) -> None:  # noqa: B027 - a broker may speak first
        """
        Begin: the connection is there.
        """

    @abstractmethod
    def receive(self, data: bytes) -> None:
        """
        Take bytes that arrived.

        Raises:
            BrokerError: the connection cannot be used.
        """

    def tls_started(self) -> None:  # noqa: B027 - most protocols begin with TLS, if they use it
        """
        Go on over TLS.
        """

    @abstractmethod
    def encode(self, subject: str, message: bytes) -> bytes:
        """
        Return the bytes that publish a message.
        """

    @abstractmethod
    def subscribe(self, subject: str) -> None:
        """
        Have the messages of a subject sent. The caller pings then if `ready` is to include it.
        """

    @abstractmethod
    def unsubscribe(self, subject: str) -> None:
        """
        Have no more messages of it sent.
        """

    @abstractmethod
    def ping(self) -> None:
        """
        Ask for a sign that the broker is there and has processed what was sent before.
        """

    def take_output(self) -> bytes:
        """
        Return what is to be sent.
        """
        output = b"".join(self._output)
        self._output.clear()
        return output

    def send(self, output: bytes) -> None:
        """
        Add to the output.
        """
        self._output.append(output)

    def send_ping(self, output: bytes) -> None:
        """
        Likewise, for a ping.
        """
        self._unanswered_pings += 1
        self._output.append(output)

    def ponged(self) -> None:
        """
        Note an answer to a ping. Brokers process what a connection sends in order.
        """
        if self._unanswered_pings:
            self._unanswered_pings -= 1
            self.ready = self.ready or not self._unanswered_pings

    def refused(self, text: str) -> None:
        """
        Note what the broker refuses.

        Raises:
            BrokerError: it was needed for the connection.
        """
        if not self.ready:
            raise BrokerError(f"the broker refuses: {text}")
        self.listener.refused(text)


def check_subject(subject: str) -> None:
    """
    Check that a subject has nothing in it that a protocol of a broker could misread.

    Raises:
        ValueError: it has.
    """
    plain = subject.isascii() and subject.isprintable() and not set(subject) & set(" *>?[]\\")
    if not plain or not 0 < len(subject) <= _MAX_SUBJECT_CHARS:
        raise ValueError(
            f"the subject {subject[:_MAX_SUBJECT_CHARS]!r} must be 1 to {_MAX_SUBJECT_CHARS} "
            "ASCII characters without blanks and without * > ? [ ] and \\"
        )
