"""
A protocol for a person with telnet: lines in, lines out, and a prompt.

It is on no port unless ``[server] protocols`` names it: whoever reaches the port can then call
every method by hand. A connection speaks it if its first line begins with a command.
"""

from __future__ import annotations

from typing import ClassVar, NoReturn

from rpcfw.errors import LocalProtocolError, MessageTooLarge, Unimplemented
from rpcfw.spi.events import (
    ConnectionFailed,
    Event,
    HandshakeCompleted,
    RequestHead,
    RequestReceived,
)
from rpcfw.spi.machine import ClientSide, Limits, ServerSide
from rpcfw.spi.protocol import Match, WireProtocol
from rpcfw.spi.served import Served
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_dubbo.telnet_commands import (
    COMMANDS,
    HELP,
    CommandError,
    list_methods,
    parse_invocation,
)

__all__ = ["TelnetProtocol"]

_PROMPT = "dubbo>"
#: Commands in the bytes of one read. A person types one.
_MAX_COMMANDS = 100
_ENDS = (b" ", b"\r", b"\n")


class TelnetProtocol(WireProtocol):
    """
    Dubbo's commands for people.
    """

    name: ClassVar[str] = "telnet"

    def match(self, data: bytes) -> Match:
        for command in COMMANDS:
            word = command.encode()
            if data.startswith(tuple(word + end for end in _ENDS)):
                return Match.YES
            if word.startswith(data):
                return Match.MORE
        return Match.NO

    def server(self, limits: Limits, accepts: tuple[str, ...]) -> ServerSide:
        return TelnetMachine(limits)

    def client(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        *,
        authority: str = "",
        secure: bool = False,
    ) -> ClientSide:
        raise Unimplemented("telnet is for people; use: rpcfw call")


class TelnetMachine(ServerSide):
    """
    The machine of one person.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._served = Served({})
        self._received = b""
        self._out: list[bytes] = []
        self._calls: set[int] = set()
        self._last_id = 0
        self._ready = False
        self._failed = False

    def serve(self, served: Served) -> None:
        self._served = served

    def start(self) -> None:
        """
        Nothing: the person types first.
        """

    @property
    def open_calls(self) -> int:
        return len(self._calls)

    @property
    def newest_call(self) -> int:
        return self._last_id

    @property
    def held_bytes(self) -> int:
        return len(self._received)

    def take_output(self) -> bytes:
        out, self._out = self._out, []
        return b"".join(out)

    def receive(self, data: bytes) -> list[Event]:
        if self._failed:
            return []
        events: list[Event] = []
        if not self._ready:
            self._ready = True
            events.append(HandshakeCompleted())
        *lines, self._received = (self._received + data).split(b"\n")
        reason = self._run(lines, events)
        limit = self._limits.max_header_bytes
        if len(self._received) > limit:
            reason = f"a line is longer than max_header_bytes of {limit} bytes"
        if reason:
            self.fail(reason)
            events.append(ConnectionFailed(reason))
        return events

    def _run(self, lines: list[bytes], events: list[Event]) -> str:
        """
        Carry out commands; return why the connection is to be closed, or empty text.
        """
        if len(lines) > _MAX_COMMANDS:
            return f"more than {_MAX_COMMANDS} commands at once"
        for line in lines:
            command, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if command in ("exit", "quit"):
                return "the person has left"
            try:
                text = self._answer(command, rest.strip(), events)
            except CommandError as error:
                text = str(error)
            if text is not None:
                self._write(text)
        return ""

    def _answer(self, command: str, rest: str, events: list[Event]) -> str | None:
        """
        Return the text that a command gets; None if it gets one later.
        """
        if command == "ls":
            return "\n".join(list_methods(self._served, rest.removeprefix("-l").strip()))
        if command == "invoke":
            self._invoke(rest, events)
            return None
        if not command:
            return ""
        return HELP if command == "help" else f"there is no command {command}; try: help"

    def _invoke(self, text: str, events: list[Event]) -> None:
        invocation = parse_invocation(self._served, text)
        if len(self._calls) >= self._limits.max_calls:
            raise CommandError(f"{len(self._calls)} calls are open, as many as max_calls")
        self._last_id += 1
        self._calls.add(self._last_id)
        head = RequestHead(invocation.path, "json")
        events.append(RequestReceived(self._last_id, head, invocation.body, "", True))

    def _write(self, text: str) -> None:
        shown = text.replace("\n", "\r\n")
        self._out.append(f"{shown}\r\n{_PROMPT}".encode("utf-8", "replace"))

    # What the driver asks for.

    def respond(
        self,
        call_id: int,
        body: bytes,
        encoding: str = "",
        metadata: Metadata = EMPTY,
        trailers: Metadata = EMPTY,
    ) -> None:
        if call_id in self._calls:
            if len(body) > self._limits.max_send_bytes:
                limit = self._limits.max_send_bytes
                raise MessageTooLarge(f"{len(body)} bytes to send, over max_send_bytes of {limit}")
            self._calls.discard(call_id)
            self._write(body.decode("utf-8", "replace"))

    def start_response(self, call_id: int, metadata: Metadata, encoding: str = "") -> None:
        """
        Nothing: metadata is not shown.
        """

    def finish(
        self,
        call_id: int,
        status: Status,
        message: str = "",
        details: bytes = b"",
        trailers: Metadata = EMPTY,
        hints: Hint = Hint.NONE,
        retry_after_s: float | None = None,
    ) -> None:
        if call_id in self._calls:
            self._calls.discard(call_id)
            self._write(f"{status}: {message}")

    def cancel(self, call_id: int, reason: str = "") -> None:
        self.finish(call_id, Status.CANCELLED, reason)

    def send(self, call_id: int, body: bytes, encoding: str = "") -> NoReturn:
        raise LocalProtocolError(f"send: call {call_id} is on a wire without streams")

    def consumed(self, call_id: int, cost: int, size: int = 0) -> None:
        """
        Nothing: messages are read when they arrive.
        """

    def ping(self) -> None:
        """
        Nothing: a person who types nothing for so long is disconnected.
        """

    def drain(self, reason: str) -> None:
        if not self._failed:
            self._write(f"this server takes no new calls: {reason}")

    def fail(self, reason: str) -> None:
        if not self._failed:
            self._write(reason)
            self._failed = True
            self._calls.clear()
            self._received = b""
