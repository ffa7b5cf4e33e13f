"""
Messages to wire bytes and back: codec, then compressor, within the size limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from rpcfw.errors import CallError, ContractError, InvalidMessage, Unimplemented
from rpcfw.spi.codec import Codec, Coder, Reader
from rpcfw.spi.compressor import Compressor, Uncompressed
from rpcfw.spi.options import option, options
from rpcfw.values.method import Method
from rpcfw.values.units import Bytes

__all__ = ["CompressionOptions", "Payload", "read_refused"]


@options
class CompressionOptions:
    """
    How and when bodies are compressed.
    """

    plugin: str = option(
        "none", "compression method for large messages: none, gzip, zstd or the name of a plugin"
    )
    threshold: Bytes = option("1KiB", "messages up to this size are not compressed")


class _Uncompressed(bytes):
    """
    A body that must not be compressed, as all that are of a class of their own.

    The machine knows such a body by its class, which compressed bytes would not have.
    """


class Payload:
    """
    The codecs and compressors of one process.

    Args:
        codecs: by name.
        compressors: by name; those that this process can decompress.
        encoding: name of the one that compresses bodies, empty for none.
        threshold_bytes: bodies up to this size are not compressed.
        max_receive_bytes: largest size of a decompressed body.
    """

    def __init__(
        self,
        codecs: Mapping[str, Codec],
        compressors: Mapping[str, Compressor],
        encoding: str,
        threshold_bytes: int,
        max_receive_bytes: int,
    ) -> None:
        self._codecs = codecs
        self._compressors = compressors
        self._encoding = encoding
        self._max_receive_bytes = max_receive_bytes
        self.accepts = tuple(compressors)
        #: Callers compare a body's length with it before they call `compress`.
        self.threshold_bytes = threshold_bytes if encoding else 1 << 62

    def coder(self, codec: str, type: Any) -> Coder:
        """
        Return the coder of a type.

        Raises:
            Unimplemented: there is no such codec here, or it cannot carry the type.
        """
        try:
            return self._codec(codec).coder(type)
        except ContractError as error:
            raise Unimplemented(str(error)) from error

    def request_coder(self, codec: str, method: Method) -> Coder:
        """
        Return the coder of a method's requests.

        Raises:
            Unimplemented: there is no such codec here, or it cannot carry their type.
        """
        try:
            return self._codec(codec).request_coder(method)
        except ContractError as error:
            raise Unimplemented(str(error)) from error

    def _codec(self, name: str) -> Codec:
        known = self._codecs.get(name)
        if known is None:
            names = ", ".join(sorted(self._codecs)) or "none"
            raise Unimplemented(f"the codec {name!r} is not known here; known are: {names}")
        return known

    def variant_of(self, codec: str) -> str:
        """
        Return the codec that this one is a form of; empty if it is none, or is not known.
        """
        known = self._codecs.get(codec)
        return "" if known is None else known.variant_of

    def error_details(self, codec: str, error: Exception) -> bytes:
        """
        Return an exception as details for a caller, if the codec carries it; see `Codec`.
        """
        known = self._codecs.get(codec)
        return b"" if known is None else known.error_details(error)

    def encoding_for(self, accepts: tuple[str, ...]) -> str:
        """
        Return the compression of bodies for a receiver, empty for none.

        Args:
            accepts: compression methods that it can decompress.
        """
        return self._encoding if self._encoding in accepts else ""

    def compress(self, body: bytes, accepts: tuple[str, ...]) -> tuple[bytes, str]:
        """
        Return a body over the threshold as it is sent, and its encoding.

        Args:
            accepts: compression methods that the receiver can decompress.
        """
        if self._encoding not in accepts or type(body) is not bytes:
            return body, ""
        compressed = self._compressors[self._encoding].compress(body)
        return (compressed, self._encoding) if len(compressed) < len(body) else (body, "")

    def compress_as(self, body: bytes, compression: str) -> tuple[bytes, str]:
        """
        Return a body of a call that asked for this compression, and its encoding.

        It is compressed whatever its size, even if it grows.

        Raises:
            Unimplemented: there is no such compression here.
        """
        if compression == "none" or type(body) is not bytes:
            return body, ""
        return self.compressor(compression).compress(body), compression

    def compressor(self, name: str) -> Compressor:
        """
        Return a compression by its name.

        Raises:
            Unimplemented: there is none with that name here.
        """
        compressor = self._compressors.get(name)
        if compressor is None:
            known = ", ".join(self._compressors) or "none"
            raise Unimplemented(f"the compression {name!r} is not known here; known: {known}")
        return compressor

    def decompress(self, body: bytes, encoding: str) -> bytes:
        """
        Return the decompressed body.

        Raises:
            CallError: it cannot be decompressed, or would be larger than the limit.
        """
        compressor = self.compressor(encoding)
        # gRPC's C core and others mark an empty message as compressed and send no byte of
        # any format, not even a header or checksum.
        return compressor.decompress(body, self._max_receive_bytes) if body else body

    def write(self, coder: Coder, message: Any, what: str) -> bytes:
        """
        Return a message's bytes.

        Raises:
            InvalidMessage: it is not of the coder's type.
        """
        try:
            return coder.encode(message)
        except Exception as error:  # noqa: BLE001  # of whatever kind the codec raises
            return self.write_refused(coder, message, what, error)

    def write_refused(self, coder: Coder, message: Any, what: str, error: Exception) -> bytes:
        """
        Return a message's bytes, although the codec has raised this error.

        Raises:
            InvalidMessage: it is not of the coder's type.
        """
        # Only checked here, since every codec refuses it: so other messages cost nothing.
        if type(message) is Uncompressed:
            body = self.write(coder, message.message, what)
            return _Uncompressed(body) if type(body) is bytes else body
        raise InvalidMessage(
            f"{what} of type {type(message).__name__} cannot be written: {error}"
        ) from error

    def read(self, coder: Reader, body: bytes, encoding: str, what: str) -> Any:
        """
        Return the message in a body.

        Raises:
            CallError: the body is malformed.
        """
        if encoding:
            body = self.decompress(body, encoding)
        try:
            return coder.decode(body)
        except Exception as error:  # noqa: BLE001  # of whatever kind the codec raises
            read_refused(error, what)


def read_refused(error: Exception, what: str) -> NoReturn:
    """
    Raise what `Payload.read` raises if the codec has raised this error.
    """
    if isinstance(error, CallError):
        raise error
    raise InvalidMessage(f"{what} cannot be read: {error}") from error
