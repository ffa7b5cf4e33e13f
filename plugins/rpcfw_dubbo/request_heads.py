"""
The head of a request from its attachments, which come after the arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rpcfw.errors import MessageTooLarge, Unimplemented
from rpcfw.spi.events import RequestHead
from rpcfw.spi.served import Served
from rpcfw.values.metadata import EMPTY
from rpcfw_dubbo.attachments import metadata_of, text_of
from rpcfw_hessian.decoder import Decoder

__all__ = ["CODEC", "GENERIC_CODEC", "check_version", "read_head", "too_large"]

CODEC: Final = "dubbo"
#: For the responses of generic calls.
GENERIC_CODEC: Final = "dubbo_generic"

_NO_VERSION = ("", "0.0.0")
#: A timeout of a century is none.
_MAX_TIMEOUT_S = 3e9
#: As of the other wires.
_MAX_CALLER_CHARS = 255


def read_head(
    decoder: Decoder, path: str, served: Served, one_way: bool, max_bytes: int
) -> tuple[RequestHead, bool]:
    """
    Read the attachments.

    Returns:
        The head; and whether the same bytes always mean the same: there are only strings.

    Raises:
        CallError: they are too large, or name another group.
    """
    begin = decoder.pos
    attachments = decoder.read(dict[Any, Any] | None) or {}
    if decoder.pos - begin > max_bytes:
        raise too_large("attachments", decoder.pos - begin, max_bytes)
    _check_group(path, served, attachments)
    head = RequestHead(
        path,
        CODEC,
        _timeout_s(attachments),
        metadata_of(attachments) if attachments else EMPTY,
        _caller(attachments),
        one_way,
    )
    only_strings = all(type(value) is str for value in attachments.values())
    return head, only_strings and all(type(key) is str for key in attachments)


def _caller(attachments: Mapping[Any, Any]) -> str:
    """
    Return the name of the calling application, fit for a log: short, and nothing unprintable in it.

    Strings of Java may have half a character, which no JSON and no file in UTF-8 can have.
    """
    name = (text_of(attachments.get("remote.application")) or "")[:_MAX_CALLER_CHARS]
    return name if name.isprintable() else "".join(c if c.isprintable() else "?" for c in name)


def check_version(service: str, served: Served, version: str) -> None:
    """
    Raise if a service is called in another version than it is served in.
    """
    own = served.version
    if version != own and not (version in _NO_VERSION and own in _NO_VERSION):
        raise Unimplemented(
            f"{service} is served here in {_version(own)}, and was called in "
            f"{_version(version)}; [server] version and the consumer's must be equal"
        )


def too_large(what: str, size: int, limit: int) -> MessageTooLarge:
    """
    Return the error for a part of a head.
    """
    return MessageTooLarge(f"{size} bytes of {what}, over max_header_bytes of {limit} bytes")


def _check_group(path: str, served: Served, attachments: Mapping[Any, Any]) -> None:
    group = text_of(attachments.get("group")) or ""
    if group != served.group:
        service = path.rpartition("/")[0]
        raise Unimplemented(
            f"{service} is served here in the group {served.group!r}, and was called in "
            f"{group!r}; [server] group and the consumer's must be equal"
        )


def _version(version: str) -> str:
    return "no version" if version in _NO_VERSION else f"version {version}"


def _timeout_s(attachments: Mapping[Any, Any]) -> float | None:
    """
    Return the time that the caller waits: what is left of it, if it says that.
    """
    for name in ("_TO", "timeout"):
        try:
            timeout_s = float(text_of(attachments.get(name)) or "") / 1000
        except ValueError:
            continue
        if 0 < timeout_s < _MAX_TIMEOUT_S:
            return timeout_s
    return None
