"""
Replies with more than a value: attachments, exceptions, refusals.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import MessageTooLarge
from rpcfw.spi.events import CallEnded, ResponseReceived
from rpcfw.status import Status
from rpcfw_dubbo.attachments import TRAILERS, metadata_of
from rpcfw_dubbo.failures import read_exception, read_refusal
from rpcfw_dubbo.fastjson_text import read_text
from rpcfw_dubbo.frames import FASTJSON2, SERIALIZATION_NAMES, ReplyStatus
from rpcfw_dubbo.status import status_of_reply
from rpcfw_dubbo.throwables import throwable_of
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.schema import Schema

__all__ = ["read_foreign", "read_reply"]

_EXCEPTION, _VALUE, _NULL = 0, 1, 2
#: Added to a flag: attachments follow.
_ATTACHMENTS = 3
_STATUS_NAMES = {
    number: name for name, number in vars(ReplyStatus).items() if isinstance(number, int)
}


def read_reply(
    call_id: int, status: int, body: bytes, schema: Schema, max_header_bytes: int
) -> ResponseReceived | CallEnded:
    """
    Return the event that a reply means. Bytes that make no sense fail its call only.

    Args:
        schema: has the limits, and no Python classes: the codec reads the value as its type.
        max_header_bytes: limit for the attachments.
    """
    decoder = Decoder(body, schema)
    try:
        if status == ReplyStatus.OK:
            return _read_ok(call_id, decoder, max_header_bytes)
        return _read_refusal(call_id, status, decoder, max_header_bytes)
    except MessageTooLarge as error:
        return CallEnded(call_id, error.status, error.message)
    except HessianError as error:
        return CallEnded(call_id, Status.INTERNAL, f"the reply cannot be read: {error}")


def read_foreign(call_id: int, status: int, serialization: int, body: bytes) -> CallEnded:
    """
    Return the end of a call whose reply is in another serialization than the request.

    Providers that prefer fastjson2 send refusals so, and their text is read. Of others, the status
    is in the header of the frame, and says whether the call may be repeated.
    """
    if serialization == FASTJSON2 and status != ReplyStatus.OK and (text := read_text(body)):
        return read_refusal(call_id, status, text, {})
    name = SERIALIZATION_NAMES.get(serialization, "unknown")
    advice = (
        f"the reply's body is in serialization {serialization} ({name}), expected 2 (hessian2); "
        "set prefer-serialization=hessian2 at the provider"
    )
    if status == ReplyStatus.OK:
        return CallEnded(call_id, Status.INTERNAL, advice)
    meaning, hints = status_of_reply(status)
    refusal = _STATUS_NAMES.get(status, "unknown")
    reason = f"the provider answered with status {status} ({refusal}); {advice}"
    return CallEnded(call_id, meaning, reason, hints=hints)


def _read_ok(call_id: int, decoder: Decoder, max_bytes: int) -> ResponseReceived | CallEnded:
    body = decoder.data
    flag = decoder.read()
    if type(flag) is not int or flag not in range(2 * _ATTACHMENTS):
        raise HessianError("expected a flag from 0 to 5, got another value")
    kind = flag % _ATTACHMENTS
    begin = decoder.pos
    value = None if kind == _NULL else decoder.read()
    end = decoder.pos
    attachments = _read_map(decoder, max_bytes) if flag >= _ATTACHMENTS else {}
    if kind == _EXCEPTION:
        return read_exception(call_id, throwable_of(value), body[begin:end], attachments)
    # The message is read again, as its type, by the codec.
    message = b"N" if kind == _NULL else body[begin:end]
    metadata, trailers = _split(attachments)
    return ResponseReceived(call_id, message, "", metadata_of(metadata), metadata_of(trailers))


def _split(attachments: dict[Any, Any]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """
    Return the metadata and the trailers, which an rpcfw peer marks.
    """
    if TRAILERS not in attachments:
        return attachments, {}
    entries = list(attachments.items())
    border = list(attachments).index(TRAILERS)
    return dict(entries[:border]), dict(entries[border + 1 :])


def _read_refusal(call_id: int, status: int, decoder: Decoder, max_bytes: int) -> CallEnded:
    message = decoder.read()
    attachments = {} if decoder.at_end else _read_map(decoder, max_bytes)
    return read_refusal(call_id, status, message if isinstance(message, str) else "", attachments)


def _read_map(decoder: Decoder, max_bytes: int) -> dict[Any, Any]:
    begin = decoder.pos
    value = decoder.read()
    size = decoder.pos - begin
    if size > max_bytes:
        limit = f"max_header_bytes of {max_bytes} bytes"
        raise MessageTooLarge(f"the reply has {size} bytes of attachments, over {limit}")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise HessianError(f"expected a map of attachments, got {type(value).__name__}")
    return value
