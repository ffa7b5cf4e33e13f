"""
What the tests of a wire protocol are made of.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from rpcfw.errors import CallError
from rpcfw.spi.events import RequestHead
from rpcfw.spi.machine import Limits, Machine
from rpcfw.spi.protocol import WireProtocol
from rpcfw.status import Hint, Status
from rpcfw.testing.conversation import Conversation, Received
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = [
    "NOT_BEGUN",
    "PAIRS",
    "SPLITS",
    "TRAILERS",
    "ProtocolCase",
    "hints_of_refusal",
    "raised",
    "status_of",
    "status_of_call",
]

SPLITS = (1, 3, 7, 16, 1000, 1 << 30)
PAIRS = Metadata.of((("one", "1"), ("two-bin", b"\x00\xff"), ("one", "again")))
TRAILERS = Metadata.of((("last", "word"), ("last-bin", b"\x01")))
#: With either of these a call can be sent to another server.
NOT_BEGUN = Hint.NEVER_SENT | Hint.NOT_BEGUN


class ProtocolCase:
    """
    Two machines of one protocol, and calls between them.
    """

    #: A codec that it carries.
    codec: ClassVar[str] = "protobuf"
    #: Whether its calls may stream.
    streams: ClassVar[bool] = True
    #: Whether its messages may be compressed.
    compresses: ClassVar[bool] = True
    #: The most that flow control may let through beyond a stream's window.
    slack_bytes: ClassVar[int] = 1 << 17

    @abstractmethod
    def make(self) -> WireProtocol:
        """
        Return a new protocol.
        """

    def talk(
        self, piece_bytes: int = 1 << 30, *, reads: bool = True, **limits: int
    ) -> Conversation:
        """
        Return two sides with a completed handshake, both with these limits.
        """
        client, server = self.machines(**limits)
        conversation = Conversation(client, server, piece_bytes, reads=reads)
        conversation.settle()
        return conversation

    def machines(self, **limits: int) -> tuple[Machine, Machine]:
        """
        Return a client's and a server's machine that accept gzip.
        """
        protocol, given = self.make(), Limits(**limits)  # type: ignore[arg-type]  # numbers all
        return protocol.client(given, ("gzip",)), protocol.server(given, ("gzip",))

    def head(
        self,
        path: str = "demo.Greeter/say",
        timeout_s: float | None = None,
        metadata: Metadata = EMPTY,
    ) -> RequestHead:
        """
        Return the head of a call.
        """
        return RequestHead(path, self.codec, timeout_s, metadata)

    def begin(
        self, talk: Conversation, body: bytes | None = b"request", *, ended: bool = True
    ) -> int:
        """
        Begin a call, deliver it, and return its id, which is the same at both sides.
        """
        before = set(talk.server.calls)
        call_id = talk.client.machine.call(self.head(), body, "", ended)
        talk.settle()
        (arrived,) = set(talk.server.calls) - before
        assert call_id == arrived, "both sides number calls alike"
        return call_id


def status_of(received: Received) -> Status | None:
    """
    Return how the server ended a call; None if it has not.
    """
    return None if received.end is None else received.end.status


def status_of_call(talk: Conversation, head: RequestHead, body: bytes) -> Status | None:
    """
    Return how a call fails: here, or at the server.
    """
    try:
        call_id = talk.client.machine.call(head, body, "", ended=True)
    except CallError as error:
        return error.status
    talk.settle()
    return status_of(talk.client[call_id])


def hints_of_refusal(talk: Conversation, head: RequestHead) -> Hint:
    """
    Return the hints of a call that is refused here, or by the server.
    """
    try:
        call_id = talk.client.machine.call(head, b"", "", ended=True)
    except CallError as error:
        return error.hints
    talk.settle()
    end = talk.client[call_id].end
    return Hint.NONE if end is None else end.hints


def raised(ask: Callable[[], object]) -> Exception | None:
    """
    Return what a call raises; None if it raises nothing.
    """
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - the test looks which
        return error
    return None
