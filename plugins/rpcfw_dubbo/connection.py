"""
What both ends of a Dubbo connection do: frames, heartbeats, READONLY, garbage.

Theory of operation. Dubbo has no handshake: the client may send a request at once. Ours begins
with a heartbeat, which every peer answers, so it knows that the peer speaks Dubbo. The
handshake is completed when the first frame arrives.

Bytes between two frames that are no frame are skipped, as Dubbo does: it looks for the next
magic number. Here their number is limited. The first bytes of a connection are always a frame,
since they chose this protocol. So a request that hides behind other bytes, as in the body of
an HTTP request, is never found.

Two peers that are both rpcfw recognise each other by `RPCFW_IDS`, without a byte that another
peer would notice, and then tell each other what Dubbo's frames have no place for: the reason
of a failed connection, and everything that a status of ours has.
"""

from __future__ import annotations

from abc import abstractmethod

from rpcfw.errors import LocalProtocolError, RemoteProtocolError
from rpcfw.spi.abuse import FREE_IN_BATCH, AbuseDetector
from rpcfw.spi.events import ConnectionFailed, Event, HandshakeCompleted, PingAnswered
from rpcfw.spi.machine import Limits, Machine
from rpcfw.spi.runtime.frame_buffer import FrameBuffer
from rpcfw_dubbo.frames import (
    EVENT,
    HEADER_BYTES,
    HESSIAN2,
    MAGIC,
    MAGIC_BYTES,
    REQUEST,
    TWO_WAY,
    ReplyStatus,
    pack_header,
    unpack_header,
)
from rpcfw_hessian.text import encode_string, read_string

__all__ = ["HEARTBEAT", "RPCFW", "RPCFW_IDS", "DubboConnection"]

#: The high half of the request ids of an rpcfw client: "rpcf". Peers copy ids and do not look
#: at them.
RPCFW_IDS = 0x72706366 << 32

#: Bodies of events. A heartbeat is the null of the serialization, in Hessian 2 this byte.
HEARTBEAT = b"N"
_READONLY = b"\x01R"
#: In the place of the null in the answer to a heartbeat of an rpcfw client.
RPCFW = b"\x05rpcfw"
#: What the reason of a failed connection begins with.
_FAILED = "F:"
#: Dubbo refuses events of more than 15 bytes. This is for the reasons of rpcfw peers.
_MAX_EVENT_BYTES = 1024


class _PeerFailed(Exception):
    """
    The peer, which is rpcfw, said why it closes the connection.
    """


class DubboConnection(Machine):
    """
    See `rpcfw.spi.machine.Machine` for the contract.

    Args:
        limits: what this side accepts. As Dubbo's ``payload``, ``max_receive_bytes`` limits the
            whole body of a frame: the message, and the head before and after it.
    """

    def __init__(self, limits: Limits) -> None:
        self._max_send_bytes = limits.max_send_bytes
        self._max_receive_bytes = limits.max_receive_bytes
        self._max_header_bytes = limits.max_header_bytes
        self._max_calls = limits.max_calls
        self._buffer = FrameBuffer()
        self._out: list[bytes] = []
        #: The open calls, with their ids on the wire.
        self._calls: dict[int, int] = {}
        self._last_id = 0
        self._abuse = AbuseDetector(limits)
        self._ready = False
        self._draining = False
        self._failed = False
        self._peer_is_rpcfw = False
        #: Heartbeats that the peer has not answered.
        self._unanswered_pings = 0
        self._last_event_id = 0
        #: Bytes since the last frame that belong to none.
        self._garbage_bytes = 0

    @property
    def open_calls(self) -> int:
        return len(self._calls)

    @property
    def newest_call(self) -> int:
        return self._last_id

    @property
    def held_bytes(self) -> int:
        return self._buffer.size

    @property
    def unfinished_frame(self) -> int:
        return self._buffer.unfinished

    # Output.

    def take_output(self) -> bytes:
        out = self._out
        if not out:
            return b""
        self._out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def ping(self) -> None:
        if not self._failed:
            self._unanswered_pings += 1
            self._put_event(TWO_WAY, HEARTBEAT)

    def drain(self, reason: str) -> None:
        if not (self._draining or self._failed):
            self._draining = True
            self._put_event(0, _READONLY)

    def fail(self, reason: str) -> None:
        if not self._failed:
            if self._peer_is_rpcfw:
                self._put_event(0, encode_string(_FAILED + reason[: _MAX_EVENT_BYTES // 4]))
            self._break_off()

    def consumed(self, call_id: int, cost: int, size: int = 0) -> None:
        """
        Nothing: messages are read when they arrive.
        """

    def send(self, call_id: int, body: bytes, encoding: str = "") -> bool:
        raise LocalProtocolError(f"send: call {call_id} is on a wire without streams")

    def _put_event(self, flags: int, body: bytes) -> None:
        self._last_event_id += 1
        event_id = RPCFW_IDS | self._last_event_id
        header = pack_header(MAGIC, REQUEST | EVENT | flags | HESSIAN2, 0, event_id, len(body))
        self._out.append(header + body)

    def _break_off(self) -> None:
        self._failed = True
        # Whatever is asked for these calls from now on is dropped.
        self._calls.clear()
        self._buffer = FrameBuffer()

    def _is_over(self, call_id: int) -> bool:
        """
        Return whether a call that this side uses is over.

        Raises:
            LocalProtocolError: there never was such a call.
        """
        if call_id in self._calls:
            return False
        if not 0 < call_id <= self._last_id:
            raise LocalProtocolError(f"call {call_id} was never opened")
        return True

    # Input.

    def receive(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._failed:
            return events
        data = self._buffer.add(data)
        if not data:
            return events
        self._abuse.free = FREE_IN_BATCH
        try:
            self._read(data, events)
        except RemoteProtocolError as error:
            self.fail(error.reason)
            events.append(ConnectionFailed(error.reason))
        except _PeerFailed as failed:
            self._break_off()
            events.append(ConnectionFailed(str(failed), by_peer=True))
        return events

    def _read(self, data: bytes, events: list[Event]) -> None:
        offset, size = 0, len(data)
        while size - offset >= HEADER_BYTES:
            magic, flags, status, wire_id, body_bytes = unpack_header(data, offset)
            if magic != MAGIC or body_bytes < 0:
                offset = self._next_magic(data, offset, body_bytes)
                continue
            start = offset + HEADER_BYTES
            end = start + body_bytes
            if body_bytes > self._max_receive_bytes:
                self._begin(events)
                self._receive_oversize(flags, wire_id, body_bytes, events)
                self._skip(end - size)
            elif end > size:
                self._buffer.keep(data[offset:], end - offset)
                return
            else:
                if self._garbage_bytes or not self._ready:
                    self._begin(events)
                # Not in a method of its own: every message comes here.
                if flags & EVENT:
                    self._receive_event(flags, wire_id, data[start:end], events)
                elif flags & REQUEST:
                    self._receive_request(flags, wire_id, data[start:end], events)
                else:
                    self._receive_reply(flags, status, wire_id, data[start:end], events)
            offset = end
        if offset < size:
            self._buffer.keep(data[offset:], HEADER_BYTES)

    def _begin(self, events: list[Event]) -> None:
        """
        Note a frame: the peer speaks Dubbo.
        """
        self._garbage_bytes = 0
        if not self._ready:
            self._ready = True
            events.append(HandshakeCompleted())

    def _skip(self, size: int) -> None:
        """
        Drop the rest of a frame, if not all of it has come.
        """
        if size > 0:
            self._buffer.skip(size)

    def _next_magic(self, data: bytes, offset: int, body_bytes: int) -> int:
        """
        Return where the next frame may begin, after bytes that are none.

        Raises:
            RemoteProtocolError: there were too many bytes without a frame, or these are a frame
                whose body has a negative length.
        """
        if data.startswith(MAGIC_BYTES, offset):
            raise RemoteProtocolError(f"a frame has a body of {body_bytes} bytes")
        found = data.find(MAGIC_BYTES, offset + 1)
        if found < 0:
            # The last byte may be the first one of the magic number.
            found = len(data) - (data[-1:] == MAGIC_BYTES[:1])
        self._garbage_bytes += found - offset
        if not self._ready or self._garbage_bytes > self._max_header_bytes:
            begin = data[offset : offset + 2].hex()
            raise RemoteProtocolError(f"a frame begins with {begin}, expected {MAGIC_BYTES.hex()}")
        return found

    def _receive_event(self, flags: int, wire_id: int, body: bytes, events: list[Event]) -> None:
        if not flags & REQUEST:
            self._receive_event_answer(body, events)
            return
        if len(body) > _MAX_EVENT_BYTES:
            limit = _MAX_EVENT_BYTES
            raise RemoteProtocolError(f"an event of {len(body)} bytes, at most {limit} are taken")
        if flags & TWO_WAY:
            self._abuse.pinged()
            self._answer_heartbeat(flags, wire_id, body)
        elif body == _READONLY:
            self._receive_readonly(events)
        elif self._peer_is_rpcfw and (reason := _reason_in(body)):
            raise _PeerFailed(reason)
        else:
            self._idle()  # WRITEABLE, or an event that a later version of Dubbo knows

    def _answer_heartbeat(self, flags: int, wire_id: int, body: bytes) -> None:
        """
        Answer with the same null, in whatever serialization it is.
        """
        if wire_id & ~0xFFFFFFFF == RPCFW_IDS:
            self._peer_is_rpcfw = True
            body = RPCFW
        flags &= ~(REQUEST | TWO_WAY)
        self._out.append(pack_header(MAGIC, flags, ReplyStatus.OK, wire_id, len(body)) + body)

    def _receive_event_answer(self, body: bytes, events: list[Event]) -> None:
        if self._unanswered_pings:
            self._unanswered_pings -= 1
            events.append(PingAnswered())
        else:
            self._idle()

    def _idle(self) -> None:
        """
        Note a frame that advances no call.
        """
        self._abuse.idle(self._last_id)

    @abstractmethod
    def _receive_readonly(self, events: list[Event]) -> None:
        """
        The peer takes no further calls.
        """

    @abstractmethod
    def _receive_request(self, flags: int, wire_id: int, body: bytes, events: list[Event]) -> None:
        """
        The peer calls.
        """

    @abstractmethod
    def _receive_reply(
        self, flags: int, status: int, wire_id: int, body: bytes, events: list[Event]
    ) -> None:
        """
        The peer has answered a call.
        """

    @abstractmethod
    def _receive_oversize(
        self, flags: int, wire_id: int, body_bytes: int, events: list[Event]
    ) -> None:
        """
        End the call of a frame that is over the limit. Its bytes are skipped.
        """


def _reason_in(body: bytes) -> str:
    try:
        text, _ = read_string(body, 0, _MAX_EVENT_BYTES)
    except (ValueError, IndexError):
        return ""
    return text.removeprefix(_FAILED) if text.startswith(_FAILED) else ""
