"""
Request headers, written and read (``docs/wire.md`` section 2).

Nearly all requests on a connection have one of a few headers: a method number and
the same time left. So both directions remember what they made of the last ones.
"""

from __future__ import annotations

from struct import Struct

from rpcfw.errors import MessageTooLarge, RemoteProtocolError
from rpcfw.spi.events import RequestHead
from rpcfw.status import Hint
from rpcfw.wire.fields import Key, number, pack_field, pack_pairs, parse, text
from rpcfw.wire.frames import CODEC_NAMED, CODEC_NAMES, CODEC_NUMBERS, COMPRESSED, ONE_WAY

__all__ = ["HeadReader", "HeadWriter"]

MOST_METHODS = 4096
MOST_PATH_BYTES = 1024
#: A memory holds so many headers, each at most so long; then it starts afresh.
_MOST_REMEMBERED = 1024
_MOST_REMEMBERED_BYTES = 64

_METHOD = Struct(">BHH").pack
_TIME_LEFT = Struct(">BHI").pack


class HeadWriter:
    """
    The client's side: gives methods their numbers.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._remembered: dict[tuple[str, int, str, str], bytes] = {}

    def write(self, head: RequestHead, encoding: str, limit_bytes: int) -> tuple[int, bytes]:
        """
        Return the codec's number and the header.

        Raises:
            MessageTooLarge: it is over the limit; no number was given away.
        """
        timeout_s = head.timeout_s
        # Rounded up: a server must not give up before its caller does.
        left_ms = 0 if timeout_s is None else min(-int(-timeout_s * 1000 // 1) or 1, 0xFFFFFFFF)
        key = (head.path, left_ms, head.codec, encoding)
        header = self._remembered.get(key)
        if header is None:
            header = self._pack(key)
        codec = CODEC_NUMBERS.get(head.codec, CODEC_NAMED)
        if head.metadata.pairs:
            header += pack_pairs(Key.METADATA, head.metadata)
        if len(header) > limit_bytes:
            if header[0] == Key.METHOD_FIRST:
                del self._numbers[head.path]
            raise MessageTooLarge(
                f"the head of the call to {head.path} has {len(header)} bytes; "
                f"the server's max_header_bytes is {limit_bytes}",
                hints=Hint.NEVER_SENT,
            )
        return codec, header

    def _pack(self, key: tuple[str, int, str, str]) -> bytes:
        path, left_ms, codec, encoding = key
        rest = b""
        if left_ms:
            rest += _TIME_LEFT(Key.TIME_LEFT, 4, left_ms)
        if codec not in CODEC_NUMBERS:
            rest += pack_field(Key.CODEC_NAME, codec.encode("ascii"))
        if encoding:
            rest += pack_field(Key.ENCODING, encoding.encode("ascii"))
        method = self._numbers.get(path)
        if method is None:
            method = self._numbers[path] = len(self._numbers) + 1
            # Only the first header names the path, so it is not remembered.
            return pack_field(Key.METHOD_FIRST, method.to_bytes(2, "big") + path.encode()) + rest
        header = _METHOD(Key.METHOD, 2, method) + rest
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = header
        return header


class HeadReader:
    """
    The server's side: knows the methods by their numbers.

    Args:
        caller: name of the application at the other end.
        accepts: compressions that it can undo.
    """

    def __init__(self, caller: str, accepts: tuple[str, ...]) -> None:
        self._caller = caller
        self._accepts = accepts
        self._paths: dict[int, str] = {}
        self._remembered: dict[tuple[bytes, int, int], tuple[RequestHead, str]] = {}

    def read(self, header: bytes, codec: int, flags: int) -> tuple[RequestHead, str]:
        """
        Return the head and the encoding of the body.

        Raises:
            RemoteProtocolError: the header is none.
        """
        key = (header, codec, flags)
        known = self._remembered.get(key)
        return known if known is not None else self._parse(key)

    def _parse(self, key: tuple[bytes, int, int]) -> tuple[RequestHead, str]:
        header, codec, flags = key
        fields, metadata, _ = parse(header)
        left_ms = number(fields, Key.TIME_LEFT, 4, 0)
        head = RequestHead(
            path=self._path(fields),
            codec=self._codec(codec, fields),
            timeout_s=left_ms / 1000 if left_ms else None,
            metadata=metadata,
            caller=self._caller,
            one_way=bool(flags & ONE_WAY),
            accepts=self._accepts,
        )
        encoding = text(fields, Key.ENCODING) if flags & COMPRESSED else ""
        if len(header) <= _MOST_REMEMBERED_BYTES and Key.METHOD_FIRST not in fields:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = head, encoding
        return head, encoding

    def _path(self, fields: dict[int, bytes]) -> str:
        first = fields.get(Key.METHOD_FIRST)
        if first is None:
            method = number(fields, Key.METHOD, 2, 0)
            if method not in self._paths:
                raise RemoteProtocolError(f"method number {method} was never given a path")
            return self._paths[method]
        if not 2 < len(first) <= MOST_PATH_BYTES + 2:
            raise RemoteProtocolError(f"a path of {len(first) - 2} bytes, at most 1024 are taken")
        if len(self._paths) >= MOST_METHODS:
            raise RemoteProtocolError(f"more than {MOST_METHODS} method numbers")
        try:
            path = first[2:].decode("utf-8")
        except UnicodeDecodeError:
            raise RemoteProtocolError("a path that is not UTF-8") from None
        self._paths[int.from_bytes(first[:2], "big")] = path
        return path

    @staticmethod
    def _codec(codec: int, fields: dict[int, bytes]) -> str:
        if codec == CODEC_NAMED:
            return text(fields, Key.CODEC_NAME)
        return CODEC_NAMES.get(codec, f"number {codec}")
