"""
A client of NATS, without I/O.

Implements "Client Protocol" of https://docs.nats.io: INFO, CONNECT, PUB, SUB, UNSUB, MSG, PING,
PONG, +OK and -ERR.

The server speaks first: INFO says what it wants. With TLS the handshake follows INFO. CONNECT,
every SUB and a PING are sent together. The server processes them in order, so its PONG says
that the subscriptions are in effect.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from rpcfw.printable import printable
from rpcfw_buses.broker.machine import (
    BrokerError,
    BrokerListener,
    BrokerMachine,
    Login,
    check_subject,
)
from rpcfw_buses.nats.reader import NATSReader

__all__ = ["NATSMachine"]

#: Characters of the server's text that are shown.
_MAX_TEXT = 200

#: Somebody between may have put bytes there. They are not the server's, and must not be taken
#: for something that TLS protected.
_EARLY = "the server sent something between INFO and TLS"


class _ServerParameters(msgspec.Struct):
    """
    What is used of INFO.
    """

    max_payload: int = 1 << 20
    tls_required: bool = False
    tls_available: bool = False
    auth_required: bool = False


class _Connect(msgspec.Struct, omit_defaults=True):
    """
    CONNECT. Defaults are not sent, so what the server needs has none.
    """

    verbose: bool
    pedantic: bool
    #: A server of this kind may send INFO again.
    protocol: int
    #: Whether messages of this connection come back to it.
    echo: bool
    tls_required: bool
    lang: str
    version: str
    name: str
    user: str = ""
    #: The name is the protocol's.
    pass_: str = msgspec.field(default="", name="pass")
    auth_token: str = ""


_decode_parameters = msgspec.json.Decoder(_ServerParameters).decode
_encode_connect = msgspec.json.Encoder().encode


class NATSMachine(BrokerMachine):
    """
    The client's side of one connection.

    Args:
        secure: TLS has to begin once INFO has arrived.
        by_token: the secret is a token, and there is no user.
    """

    def __init__(
        self,
        login: Login,
        listener: BrokerListener,
        max_message_bytes: int,
        secure: bool = False,
        by_token: bool = False,
    ) -> None:
        super().__init__(login, listener, max_message_bytes)
        self._secure = secure
        self._by_token = by_token
        self._informed = False
        self._sids: dict[str, int] = {}
        self._last_sid = 0
        self._reader = NATSReader(self._message, self._line, self._skipped, max_message_bytes)

    def receive(self, data: bytes) -> None:
        self._reader.receive(data)
        if self.wants_tls and self._reader.unread:
            raise BrokerError(_EARLY)

    def tls_started(self) -> None:
        self.wants_tls = False
        self._connect()

    def encode(self, subject: str, message: bytes) -> bytes:
        return b"%b%d\r\n%b\r\n" % (_pub(subject), len(message), message)

    def subscribe(self, subject: str) -> None:
        if not self._informed or self.wants_tls or subject in self._sids:
            return  # `_connect` does it
        self._last_sid += 1
        self._sids[subject] = self._last_sid
        self.send(b"SUB %b %d\r\n" % (subject.encode("ascii"), self._last_sid))

    def unsubscribe(self, subject: str) -> None:
        sid = self._sids.pop(subject, None)
        if sid is not None:
            self.send(b"UNSUB %d\r\n" % sid)

    def ping(self) -> None:
        if self._informed and not self.wants_tls:
            self.send_ping(b"PING\r\n")

    def _message(self, subject: bytes, payload: bytes) -> None:
        self._check_accepted()
        self.listener.deliver(subject.decode("utf-8", "replace"), payload)

    def _skipped(self) -> None:
        # Before TLS, somebody between could choose how much of what TLS protects is skipped.
        self._check_accepted()
        self.listener.skipped()

    def _check_accepted(self) -> None:
        if not self._informed or self.wants_tls:
            raise BrokerError("a message arrived before the connection was accepted")

    def _line(self, operation: bytes, rest: bytes) -> None:
        if self.wants_tls:
            raise BrokerError(_EARLY)
        if operation == b"INFO":
            self._server_parameters(rest)
        elif operation == b"-ERR":
            self.refused(printable(rest.decode("utf-8", "replace"))[:_MAX_TEXT].strip("' "))
        elif not self._informed:
            raise BrokerError(f"expected INFO, got {operation[:20]!r}; is this a NATS server?")
        elif operation == b"PING":
            self.send(b"PONG\r\n")
        elif operation == b"PONG":
            self.ponged()
        elif operation != b"+OK":
            raise BrokerError(f"expected an operation of NATS, got {operation[:20]!r}")

    def _server_parameters(self, text: bytes) -> None:
        try:
            parameters = _decode_parameters(text)
        except (msgspec.DecodeError, ValueError) as error:
            raise BrokerError(f"INFO cannot be read: {error}") from error
        self._check_payload(parameters.max_payload)
        if self._informed:
            return
        self._check_tls(parameters)
        self._informed = True
        self.wants_tls = self._secure
        if not self.wants_tls:
            self._connect()

    def _check_payload(self, max_payload: int) -> None:
        if max_payload < self.max_message_bytes:
            raise BrokerError(
                f"the server takes messages of {max_payload} bytes, but {self.max_message_bytes}"
                " are needed; raise max_payload of the server"
            )

    def _check_tls(self, parameters: _ServerParameters) -> None:
        if self._secure and not (parameters.tls_required or parameters.tls_available):
            raise BrokerError("the server has no TLS; write its address without tls:")
        if parameters.tls_required and not self._secure:
            raise BrokerError("the server requires TLS; write tls: before its address")

    def _connect(self) -> None:
        login = self.login
        connect = _Connect(
            verbose=False,
            pedantic=False,
            protocol=1,
            echo=False,
            tls_required=self._secure,
            lang="python-rpcfw",
            version="1",
            name=login.name,
            user=login.user,
            pass_="" if self._by_token else login.secret,
            auth_token=login.secret if self._by_token else "",
        )
        self.send(b"CONNECT %b\r\n" % _encode_connect(connect))
        for subject in self.listener.subjects:
            self.subscribe(subject)
        self.ping()


@lru_cache(maxsize=256)
def _pub(subject: str) -> bytes:
    """
    Return how a PUB of a subject begins.
    """
    check_subject(subject)
    return b"PUB %b " % subject.encode("ascii")
