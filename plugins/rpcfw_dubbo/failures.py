"""
How a failed call is written into a reply, and read from it.

A call that has not begun gets a status and a text. A call that has failed gets an exception,
with status OK; see `rpcfw_dubbo.status`. Peers that are both rpcfw add what a status of ours has
besides: as attachments of the exception, or in a map after the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from rpcfw.spi.events import CallEnded
from rpcfw.status import WIRE_HINTS, Hint, Status
from rpcfw.values.metadata import Metadata
from rpcfw_dubbo.attachments import PROTOCOL_VERSION, metadata_of, text_of, write_pairs
from rpcfw_dubbo.frames import ReplyStatus
from rpcfw_dubbo.status import (
    RUNTIME_EXCEPTION,
    exception_of,
    reply_status_of,
    status_of_exception,
    status_of_reply,
)
from rpcfw_dubbo.throwables import Throwable, is_throwable, write_throwable
from rpcfw_hessian.text import encode_string

__all__ = ["Failure", "read_exception", "read_refusal"]

_STATUS: Final = "rpcfw-status"
_HINTS: Final = "rpcfw-hints"
_RETRY_AFTER: Final = "rpcfw-retry-after"
_DETAILS: Final = "rpcfw-details-bin"
_OURS: Final = frozenset((_STATUS, _HINTS, _RETRY_AFTER, _DETAILS))
#: What is left of the peer's header limit for all but message and details.
_SPARE_BYTES = 512
#: A character takes up to three bytes.
_BYTES_A_CHARACTER = 3
#: What a provider says becomes the text of an error and a line of a log. The whole of an exception
#: is in the details.
_MAX_MESSAGE_CHARS = 16 << 10
#: How the text of a provider in Java begins whose method was not found: it cannot decode the
#: arguments of a method that it does not know, and does not say why.
_UNDECODED = "Fail to decode request"
_NO_SUCH_METHOD = (
    "; the provider may not have this method with this version, group and Java types of "
    "parameters: compare them with the Java interface and the provider's URL"
)


@frozen
class Failure:
    """
    The end of a call that has failed, as `rpcfw.spi.machine.Machine.finish` gets it.
    """

    status: Status
    message: str
    details: bytes
    trailers: Metadata
    hints: Hint
    retry_after_s: float | None

    def write(self, *, to_rpcfw: bool, attachments: bool, max_bytes: int) -> tuple[int, bytes]:
        """
        Return the reply's status, and its body.

        Args:
            to_rpcfw: the peer is rpcfw.
            attachments: the peer's version of Dubbo takes attachments in replies.
            max_bytes: limit for all but a Java exception in the details. What is too long is cut.
        """
        message = self.message[: (max_bytes - _SPARE_BYTES) // (2 * _BYTES_A_CHARACTER)]
        left = max_bytes - _SPARE_BYTES - _BYTES_A_CHARACTER * len(message)
        reply_status = reply_status_of(self.status, self.hints)
        if reply_status != ReplyStatus.OK:
            text = encode_string(message)
            return reply_status, text + self._map(left) if to_rpcfw else text
        thrown = self._throwable(message, to_rpcfw=to_rpcfw)
        if not attachments:
            return reply_status, b"\x90" + thrown
        entries = self._map(left) if to_rpcfw else _map(write_pairs(self.trailers.pairs, left))
        return reply_status, b"\x93" + thrown + entries

    def _throwable(self, message: str, *, to_rpcfw: bool) -> bytes:
        if is_throwable(self.details):
            return self.details
        java_class, code = exception_of(self.status)
        if not to_rpcfw and java_class == RUNTIME_EXCEPTION:
            message = f"{self.status}: {message}"  # the class does not say it
        return write_throwable(java_class, message, code)

    def _map(self, max_bytes: int) -> bytes:
        pairs: list[tuple[str, str | bytes]] = [(_STATUS, str(int(self.status)))]
        if self.hints & WIRE_HINTS:
            pairs.append((_HINTS, str(int(self.hints & WIRE_HINTS))))
        if self.retry_after_s is not None:
            pairs.append((_RETRY_AFTER, f"{self.retry_after_s:.3f}"))
        if not is_throwable(self.details):
            # Also if there are none: otherwise the bytes of the exception would be taken for them.
            pairs.append((_DETAILS, self.details if len(self.details) <= max_bytes // 2 else b""))
        own = write_pairs(tuple(pairs), max_bytes)
        return _map(own + write_pairs(self.trailers.pairs, max_bytes - len(own)))


def _map(entries: bytes) -> bytes:
    return b"H" + encode_string("dubbo") + encode_string(PROTOCOL_VERSION) + entries + b"Z"


def read_refusal(
    call_id: int, reply_status: int, message: str, attachments: Mapping[Any, Any]
) -> CallEnded:
    """
    Return the end of a call whose reply has a status other than OK.

    Args:
        attachments: of an rpcfw peer; empty from others.
    """
    status, hints = status_of_reply(reply_status)
    if _STATUS not in attachments:
        message = _first_line(message)
        if message.startswith(_UNDECODED):
            message += _NO_SUCH_METHOD
    return _ended(call_id, status, message, b"", hints, attachments)


def read_exception(
    call_id: int, throwable: Throwable, details: bytes, attachments: Mapping[Any, Any]
) -> CallEnded:
    """
    Return the end of a call whose reply is an exception.

    Args:
        details: the bytes of the exception.
    """
    if _STATUS in attachments:
        return _ended(call_id, Status.UNKNOWN, throwable.message, details, Hint.NONE, attachments)
    status = status_of_exception(throwable.java_class, throwable.code)
    message = f"{throwable.java_class}: {_first_line(throwable.message)}"
    # A method's own exception is an answer: no other node would give another one.
    hints = Hint.FINAL if status is Status.UNKNOWN else Hint.NONE
    return _ended(call_id, status, message, details, hints, attachments)


def _ended(
    call_id: int,
    status: Status,
    message: str,
    details: bytes,
    hints: Hint,
    attachments: Mapping[Any, Any],
) -> CallEnded:
    retry_after_s = None
    if _STATUS in attachments:
        status = Status.from_wire(_number(attachments, _STATUS, int(Status.UNKNOWN)))
        hints = Hint(_number(attachments, _HINTS, 0) & WIRE_HINTS)
        retry_after_s = _seconds(attachments.get(_RETRY_AFTER))
        own = attachments.get(_DETAILS)
        details = own if isinstance(own, bytes) else details
    rest = {name: value for name, value in attachments.items() if name not in _OURS}
    trailers = metadata_of(rest)
    return CallEnded(
        call_id,
        status,
        message[:_MAX_MESSAGE_CHARS],
        details,
        trailers=trailers,
        hints=hints,
        retry_after_s=retry_after_s,
    )


def _first_line(message: str) -> str:
    """
    Return a text without the stack trace that a provider in Java may have in it.
    """
    return message.partition("\n")[0]


def _number(attachments: Mapping[Any, Any], name: str, default: int) -> int:
    text = text_of(attachments.get(name))
    return int(text) if text is not None and text.isdecimal() and len(text) < 4 else default


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(text_of(value) or "")
    except ValueError:
        return None
    return seconds if abs(seconds) < 1e9 else None
