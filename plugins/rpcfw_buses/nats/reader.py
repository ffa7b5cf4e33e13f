"""
The frames of a NATS server.

A frame is a control line that ends with CR LF; after a MSG line there follow so many bytes of
payload as the line says, and CR LF. Names of operations are of either case, and fields are
separated by blanks or tabs. See "Client Protocol" at https://docs.nats.io.

Memory is taken for bytes that have arrived, never for a size that was announced.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.spi.runtime.frame_buffer import FrameBuffer
from rpcfw_buses.broker.machine import BrokerError

__all__ = ["NATSReader"]

#: Of a control line. The server's own limit is 4 KiB (max_control_line), but its INFO lists
#: every server of a cluster.
MAX_LINE_BYTES = 32 << 10
#: Of a size in decimal: a server allows no payload over 64 MiB.
_MAX_DIGITS = 9
_CRLF = b"\r\n"
#: MSG <subject> <sid> [reply-to] <#bytes>
_MSG_FIELDS = (4, 5)


class NATSReader:
    """
    Bytes to frames.

    Args:
        on_message: called with the subject and the payload of each MSG.
        on_line: called with the operation, in upper case, and the rest of any other line.
        on_skipped: called at each payload that is skipped, since it is too large.
        max_message_bytes: the largest that is not.
    """

    def __init__(
        self,
        on_message: Callable[[bytes, bytes], None],
        on_line: Callable[[bytes, bytes], None],
        on_skipped: Callable[[], None],
        max_message_bytes: int,
    ) -> None:
        self._on_message = on_message
        self._on_line = on_line
        self._on_skipped = on_skipped
        self._max_message_bytes = max_message_bytes
        self._buffer = FrameBuffer()

    @property
    def unread(self) -> bool:
        """
        Whether there are bytes of an incomplete frame.
        """
        return bool(self._buffer.size)

    def receive(self, data: bytes) -> None:
        """
        Take bytes that arrived.

        Raises:
            BrokerError: they are none of a NATS server.
        """
        data = self._buffer.add(data)
        position, end = 0, len(data)
        while position < end:
            line_end = data.find(_CRLF, position, position + MAX_LINE_BYTES)
            if line_end < 0:
                self._keep_line(data[position:])
                return
            line = data[position:line_end]
            after = line_end + len(_CRLF)
            if line[:3].upper() != b"MSG":
                self._other_line(line)
                position = after
                continue
            fields, size = _message_fields(line)
            stop = after + size
            if size > self._max_message_bytes:
                self._on_skipped()
                if stop + len(_CRLF) > end:
                    self._buffer.skip(stop + len(_CRLF) - end)
                    return
            elif stop + len(_CRLF) > end:
                self._buffer.keep(data[position:], stop + len(_CRLF) - position)
                return
            else:
                if data[stop : stop + len(_CRLF)] != _CRLF:
                    raise BrokerError("the payload of a MSG does not end with CR LF")
                self._on_message(fields[1], data[after:stop])
            position = stop + len(_CRLF)

    def _keep_line(self, rest: bytes) -> None:
        if len(rest) >= MAX_LINE_BYTES:
            raise BrokerError(f"a line is longer than {MAX_LINE_BYTES} bytes")
        self._buffer.keep(rest, len(rest) + 1)

    def _other_line(self, line: bytes) -> None:
        operation, *rest = line.split(None, 1) or (b"",)
        self._on_line(operation.upper(), rest[0] if rest else b"")


def _message_fields(line: bytes) -> tuple[list[bytes], int]:
    """
    Return the fields of a MSG line, and the size of the payload.
    """
    fields = line.split()
    size = fields[-1]
    if len(fields) not in _MSG_FIELDS or not size.isdigit() or len(size) > _MAX_DIGITS:
        raise BrokerError(f"expected MSG <subject> <sid> [reply-to] <#bytes>, got {line[:100]!r}")
    return fields, int(size)
