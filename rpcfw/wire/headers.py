"""
Request headers, encoded and decoded (``docs/wire.md`` section 2).

Nearly all requests on a connection have one of a few headers: a method number and the same
timeout. So both directions cache the results.
"""

from __future__ import annotations

from contextlib import suppress
from struct import Struct

from rpcfw.errors import MessageTooLarge, RemoteProtocolError
from rpcfw.spi.events import RequestHead
from rpcfw.status import Hint
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.wire.fields import (
    Key,
    encoding_of,
    number,
    pack_field,
    parse,
    text,
)
from rpcfw.wire.frames import CODEC_NAMED, CODEC_NAMES, CODEC_NUMBERS, ONE_WAY
from rpcfw.wire.trace import (
    TRACE_BYTES,
    TRACE_VALUE_BYTES,
    is_recorded,
    pack_metadata,
    trace_pair,
    without_trace,
)

__all__ = ["MAX_METHODS", "MAX_PATHS_BYTES", "MAX_PATH_BYTES", "HeaderDecoder", "HeaderEncoder"]

MAX_METHODS = 4096
MAX_PATH_BYTES = 1024
#: Total length of the paths that have numbers. Further paths are sent with each call.
MAX_PATHS_BYTES = 256 << 10
#: The number of a path that is for one call only.
_NO_NUMBER = 0
#: The largest value of the field; a longer timeout is sent as none.
_MAX_LEFT_S = 0xFFFFFFFF / 1000
#: Size of each cache, and of the headers in it. A full cache is cleared. Each connection has one,
#: so it is small: some hundred bytes for each header, of as many timeouts as the peer sends.
_MAX_CACHED = 256
_MAX_CACHED_BYTES = 64

_METHOD = Struct(">BHH").pack
_TIME_LEFT = Struct(">BHI").pack


class HeaderEncoder:
    """
    The client's end: gives each method a number, while there are any left.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._paths_bytes = 0
        self._cache: dict[tuple[str, int, str, str], bytes] = {}
        #: What `write` returned for heads with no metadata or shared one, and bodies that are not
        #: compressed.
        #: Clients use such a head for many requests.
        self.known: dict[RequestHead, tuple[int, bytes]] = {}
        #: The last metadata that had nothing but a trace, and its field.
        self._metadata = EMPTY
        self._packed = b""

    def write(self, head: RequestHead, encoding: str, limit_bytes: int) -> tuple[int, bytes]:
        """
        Return the codec's number and the header.

        Raises:
            MessageTooLarge: it is over the limit. No number was used up.
        """
        timeout_s, left_ms = head.timeout_s, 0
        if timeout_s is not None and timeout_s < _MAX_LEFT_S:
            # Rounded up: a server must not give up before its caller does.
            left_ms = -int(-timeout_s * 1000 // 1) if timeout_s > 0 else 1
        key = (head.path, left_ms, head.codec, encoding)
        header = self._cache.get(key)
        if header is None:
            header = self._pack(key)
        metadata = head.metadata
        # Calls whose traces are not recorded say so with the same object.
        is_shared = not metadata.pairs or metadata is self._metadata
        if not is_shared:
            header = self._with_pairs(header, head)
        elif metadata.pairs:
            header += self._packed
        if len(header) > limit_bytes:
            self._take_back(header, head.path)
            raise MessageTooLarge(
                f"the head of the call to {head.path} has {len(header)} bytes; "
                f"the server's max_header_bytes is {limit_bytes}",
                hints=Hint.NEVER_SENT,
            )
        written = CODEC_NUMBERS.get(head.codec, CODEC_NAMED), header
        if is_shared and not encoding:
            self._learn(head, written)
        return written

    def _learn(self, head: RequestHead, written: tuple[int, bytes]) -> None:
        if written[1][0] != Key.METHOD:
            return  # it has the path itself, and the next one has the number
        if len(self.known) >= _MAX_CACHED:
            self.known.clear()
        self.known[head] = written

    def _with_pairs(self, header: bytes, head: RequestHead) -> bytes:
        metadata = head.metadata
        try:
            packed = pack_metadata(metadata)
        except MessageTooLarge:
            self._take_back(header, head.path)
            raise
        if len(packed) == TRACE_BYTES:
            self._metadata, self._packed = metadata, packed
        return header + packed

    def _take_back(self, header: bytes, path: str) -> None:
        """
        Take back the number of a method whose header is not sent.
        """
        if header[0] == Key.METHOD_FIRST and self._numbers.pop(path, None) is not None:
            self._paths_bytes -= len(path.encode("utf-8"))

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
            # A header with the path itself is not cached: the next one has the number.
            return self._pack_path(path) + rest
        header = _METHOD(Key.METHOD, 2, method) + rest
        if len(self._cache) >= _MAX_CACHED:
            self._cache.clear()
        self._cache[key] = header
        return header

    def _pack_path(self, path: str) -> bytes:
        raw = path.encode("utf-8")
        if len(raw) > MAX_PATH_BYTES:
            raise MessageTooLarge(
                f"the path {path[:80]!r}… has {len(raw)} bytes; "
                f"at most {MAX_PATH_BYTES} can be sent",
                hints=Hint.NEVER_SENT,
            )
        method = _NO_NUMBER
        paths_bytes = self._paths_bytes + len(raw)
        if len(self._numbers) < MAX_METHODS and paths_bytes <= MAX_PATHS_BYTES:
            self._paths_bytes = paths_bytes
            method = self._numbers[path] = len(self._numbers) + 1
        return pack_field(Key.METHOD_FIRST, method.to_bytes(2, "big") + raw)


class HeaderDecoder:
    """
    The server's end: knows the methods by their numbers.

    Args:
        caller: name of the application at the other end.
        accepts: compression methods that it can decompress.
    """

    def __init__(self, caller: str, accepts: tuple[str, ...]) -> None:
        self._caller = caller
        self._accepts = accepts
        self._paths: dict[int, str] = {}
        self._paths_bytes = 0
        #: What `read` returned before, by what it was given. A full cache is cleared.
        self.known: dict[tuple[bytes, int, int], tuple[RequestHead, str]] = {}

    def read(self, header: bytes, codec: int, flags: int) -> tuple[RequestHead, str]:
        """
        Return the head and the encoding of the body.

        Raises:
            RemoteProtocolError: the header is malformed.
        """
        key = (header, codec, flags)
        known = self.known.get(key)
        if known is not None:
            return known
        # What differs in each call that is recorded is at the end.
        untraced = without_trace(header)
        if untraced and is_recorded(header):
            known = self.known.get((untraced, codec, flags))
            if known is not None:
                return _traced(known[0], header[-TRACE_VALUE_BYTES:]), known[1]
        return self._parse(key)

    def _parse(self, key: tuple[bytes, int, int]) -> tuple[RequestHead, str]:
        header, codec, flags = key
        fields, metadata, _ = parse(header)
        trace = fields.get(Key.TRACE, b"")
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
        encoding = encoding_of(fields, flags)
        if trace:
            if is_recorded(trace):
                self._learn_untraced(header, codec, flags, head, encoding)
                return _traced(head, trace), encoding
            head = _traced(head, trace)
        if len(header) <= _MAX_CACHED_BYTES and Key.METHOD_FIRST not in fields:
            self._remember(key, head, encoding)
        return head, encoding

    def _learn_untraced(
        self, header: bytes, codec: int, flags: int, head: RequestHead, encoding: str
    ) -> None:
        """
        Keep what a header means without the trace at its end.
        """
        untraced = without_trace(header)
        if not 0 < len(untraced) <= _MAX_CACHED_BYTES:
            return
        with suppress(RemoteProtocolError):  # it is none by itself
            if Key.METHOD in parse(untraced)[0]:
                self._remember((untraced, codec, flags), head, encoding)

    def _remember(self, key: tuple[bytes, int, int], head: RequestHead, encoding: str) -> None:
        if len(self.known) >= _MAX_CACHED:
            self.known.clear()
        self.known[key] = head, encoding

    def _path(self, fields: dict[int, bytes]) -> str:
        first = fields.get(Key.METHOD_FIRST)
        if first is None:
            method = number(fields, Key.METHOD, 2, 0)
            if method not in self._paths:
                raise RemoteProtocolError(f"method number {method} was never given a path")
            return self._paths[method]
        if not 2 < len(first) <= MAX_PATH_BYTES + 2:
            raise RemoteProtocolError(
                f"a method of {len(first)} bytes, expected a number of 2 and a path of 1 to "
                f"{MAX_PATH_BYTES}"
            )
        try:
            path = first[2:].decode("utf-8")
        except UnicodeDecodeError:
            raise RemoteProtocolError("a path that is not UTF-8") from None
        self._learn(int.from_bytes(first[:2], "big"), path, len(first) - 2)
        return path

    def _learn(self, method: int, path: str, size: int) -> None:
        known = self._paths.get(method)
        if method == _NO_NUMBER or known == path:
            return
        if known is not None:
            raise RemoteProtocolError(f"method number {method} was given to two paths")
        self._paths[method] = path
        self._paths_bytes += size
        if len(self._paths) > MAX_METHODS or self._paths_bytes > MAX_PATHS_BYTES:
            raise RemoteProtocolError(
                f"more than {MAX_METHODS} method numbers, or {MAX_PATHS_BYTES} bytes of paths"
            )

    @staticmethod
    def _codec(codec: int, fields: dict[int, bytes]) -> str:
        if codec == CODEC_NAMED:
            return text(fields, Key.CODEC_NAME)
        return CODEC_NAMES.get(codec, f"number {codec}")


def _traced(head: RequestHead, value: bytes) -> RequestHead:
    """
    Return a head with the trace that a field has.
    """
    pair = trace_pair(value)
    if not pair:
        return head
    return RequestHead(
        head.path,
        head.codec,
        head.timeout_s,
        Metadata((*head.metadata.pairs, *pair)),
        head.caller,
        head.one_way,
        head.accepts,
    )
