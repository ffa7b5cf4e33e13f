"""
The head of a request: what its arguments follow, and the attachments after them.

In between is the message as the codec ``hessian2`` writes it: the types of the parameters as a
JVM descriptor, then each argument.
"""

from __future__ import annotations

from math import ceil, inf
from typing import TypeAlias

from rpcfw.errors import MessageTooLarge
from rpcfw.spi.events import RequestHead
from rpcfw.status import Hint
from rpcfw.values.metadata import Metadata, Pairs
from rpcfw_dubbo.attachments import PROTOCOL_VERSION, write_pairs
from rpcfw_hessian.text import encode_string

__all__ = ["RequestEncoder"]

#: The bytes before a message, those after it, and how many these are together.
Head: TypeAlias = tuple[bytes, bytes, int]

#: Java reads the timeout as an int.
_MAX_TIMEOUT_MS = 2**31 - 1
_MAX_TIMEOUT_S = _MAX_TIMEOUT_MS / 1000
#: Heads of methods that are kept. Usually a client has fewer methods.
_MAX_KEPT = 1024
#: Metadata that says which service is called.
_OF_SERVICE = frozenset(("group", "version"))


class RequestEncoder:
    """
    Writes the heads of the requests of one client, over all its connections.

    Args:
        application: name of this application, which providers see.
        group: group of the called services, empty for none.
        version: version of the called services, empty for none.
    """

    def __init__(self, application: str, group: str, version: str) -> None:
        self._application = application
        self._group = group
        self._version = version
        self._kept: dict[str, tuple[bytes, bytes]] = {}
        #: The same, for calls whose metadata is a group and version and nothing else.
        self._kept_of_versions: dict[tuple[str, Pairs], tuple[bytes, bytes]] = {}
        #: Whole heads, by path and timeout: most calls of a method have the same, and no metadata.
        self._whole: dict[tuple[str, int], Head] = {}

    def encode(self, head: RequestHead, max_bytes: int, is_generic: bool = False) -> Head:
        """
        Return the bytes before the message, those after it, and how many these are together.

        Args:
            is_generic: the message calls the method by name, through ``$invoke``.

        Raises:
            MessageTooLarge: together they are over the limit.
        """
        timeout_s = head.timeout_s
        if timeout_s is not None and 0 < timeout_s < _MAX_TIMEOUT_S:
            # Rounded up: a provider must not give up before its caller does.
            timeout_ms = ceil(timeout_s * 1000)
        else:
            timeout_ms = _unusual_timeout_ms(timeout_s)
        known = None
        if not (head.metadata.pairs or is_generic):
            known = self._whole.get((head.path, timeout_ms))
        if known is None:
            known = self._encode(head, timeout_ms, max_bytes, is_generic)
        if known[2] > max_bytes:
            raise MessageTooLarge(
                f"{known[2]} bytes of path and metadata to send, over max_header_bytes of "
                f"{max_bytes} bytes",
                hints=Hint.NEVER_SENT,
            )
        return known

    def _encode(self, head: RequestHead, timeout_ms: int, max_bytes: int, is_generic: bool) -> Head:
        metadata = head.metadata
        if metadata.pairs:
            of_method = self._kept_of_versions.get((head.path, metadata.pairs))
        else:
            of_method = self._kept.get(head.path)
        if of_method is None or is_generic:
            of_method = self._method(head.path, metadata, is_generic)
        begin, end = of_method
        if timeout_ms:
            end += encode_string("timeout") + encode_string(str(timeout_ms))
        if metadata.pairs:
            end += write_pairs(metadata.pairs, max_bytes * 2)
        end += b"Z"
        whole = begin, end, len(begin) + len(end)
        if not (metadata.pairs or is_generic):
            # Cleared when it is full: where deadlines are passed on, timeouts are many.
            if len(self._whole) >= _MAX_KEPT:
                self._whole.clear()
            self._whole[head.path, timeout_ms] = whole
        return whole

    def _method(self, path: str, metadata: Metadata, is_generic: bool) -> tuple[bytes, bytes]:
        """
        Return what is the same in each request of a method.

        Group and version may be in the metadata of a call: then they replace the configured ones.
        """
        service, _, name = path.rpartition("/")
        version = _text(metadata, "version", self._version)
        group = _text(metadata, "group", self._group)
        begin = b"".join(
            (
                encode_string(PROTOCOL_VERSION),
                encode_string(service),
                encode_string(version or "0.0.0"),
                encode_string("$invoke" if is_generic else name.partition("(")[0]),
            )
        )
        pairs = [("path", service), ("interface", service)]
        pairs += [("version", version)] if version else []
        pairs += [("group", group)] if group else []
        pairs += [("generic", "true")] if is_generic else []
        pairs += [("remote.application", self._application)] if self._application else []
        written = [encode_string(key) + encode_string(value) for key, value in pairs]
        known = begin, b"H" + b"".join(written)
        if not is_generic:
            self._keep(path, metadata, known)
        return known

    def _keep(self, path: str, metadata: Metadata, known: tuple[bytes, bytes]) -> None:
        if len(self._kept) + len(self._kept_of_versions) >= _MAX_KEPT:
            return
        if not metadata.pairs:
            self._kept[path] = known
        elif all(name in _OF_SERVICE for name, _ in metadata.pairs):
            self._kept_of_versions[path, metadata.pairs] = known


def _unusual_timeout_ms(timeout_s: float | None) -> int:
    """
    Return the timeout of a call that has none, or hardly any left, or one too long for Java.
    """
    if timeout_s is None or timeout_s == inf:
        return 0
    return _MAX_TIMEOUT_MS if timeout_s > 0 else 1


def _text(metadata: Metadata, name: str, default: str) -> str:
    value = metadata.get(name, default) if metadata.pairs else default
    return value if isinstance(value, str) else default
