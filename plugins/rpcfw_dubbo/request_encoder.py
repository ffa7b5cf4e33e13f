"""
The head of a request: what its arguments follow, and the attachments after them.

In between is the message as the codec ``hessian2`` writes it: the types of the parameters as a
JVM descriptor, then each argument.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, inf

from rpcfw.errors import MessageTooLarge
from rpcfw.spi.events import RequestHead
from rpcfw.status import Hint
from rpcfw.values.metadata import Metadata, Pairs
from rpcfw_dubbo.attachments import PROTOCOL_VERSION, write_pairs
from rpcfw_hessian.text import encode_string

__all__ = ["RequestEncoder"]

#: Java reads the timeout as an int.
_MAX_TIMEOUT_MS = 2**31 - 1
#: Heads of methods that are kept. Usually a client has fewer methods.
_MAX_KEPT = 1024
#: Metadata that says which service is called.
_OF_SERVICE = frozenset(("group", "version"))


class RequestEncoder:
    """
    Writes the heads of the requests of one client.

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

    def encode(
        self, head: RequestHead, max_bytes: int, is_generic: bool = False
    ) -> tuple[bytes, bytes]:
        """
        Return the bytes before the message, and those after it.

        Args:
            is_generic: the message calls the method by name, through ``$invoke``.

        Raises:
            MessageTooLarge: together they are over the limit.
        """
        metadata = head.metadata
        if metadata.pairs:
            known = self._kept_of_versions.get((head.path, metadata.pairs))
        else:
            known = self._kept.get(head.path)
        if known is None or is_generic:
            known = self._method(head.path, metadata, is_generic)
        begin, attachments = known
        timeout_s = head.timeout_s
        if timeout_s is not None and timeout_s < inf:
            attachments += _timeout(min(max(ceil(timeout_s * 1000), 1), _MAX_TIMEOUT_MS))
        if metadata.pairs:
            attachments += write_pairs(metadata.pairs, max_bytes * 2)
        size = len(begin) + len(attachments) + 1
        if size > max_bytes:
            raise MessageTooLarge(
                f"{size} bytes of path and metadata to send, over max_header_bytes of "
                f"{max_bytes} bytes",
                hints=Hint.NEVER_SENT,
            )
        return begin, attachments + b"Z"

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


@lru_cache(maxsize=1024)
def _timeout(timeout_ms: int) -> bytes:
    """
    Return the attachment. Most calls of a client have the same.
    """
    return encode_string("timeout") + encode_string(str(timeout_ms))


def _text(metadata: Metadata, name: str, default: str) -> str:
    value = metadata.get(name, default) if metadata.pairs else default
    return value if isinstance(value, str) else default
