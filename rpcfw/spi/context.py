"""
The call that the running code serves, as its author sees it.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.values.call import Call, serving
from rpcfw.values.caller_identity import CallerIdentity
from rpcfw.values.metadata import Metadata, MetadataLike

__all__ = ["Context", "context"]


class Context:
    """
    What a running method may know and say beside its message.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    @property
    def method(self) -> str:
        """
        What was called, as ``service/method``.
        """
        return self._call.method.path

    @property
    def metadata(self) -> Metadata:
        """
        What the caller sent along.
        """
        return self._call.metadata

    @property
    def caller(self) -> str:
        """
        Name of the calling application as it sent it, not authenticated; empty for unknown.
        """
        return self._call.caller

    @property
    def identity(self) -> CallerIdentity:
        """
        Who the caller has proved to be, by a certificate or a token; without names: nobody.
        """
        return self._call.identity

    @property
    def peer(self) -> str:
        """
        Address of the caller.
        """
        return self._call.peer

    @property
    def deadline(self) -> float:
        """
        When the caller stops waiting, in seconds of the reactor's clock.
        """
        return self._call.deadline

    @property
    def cancelled(self) -> bool:
        """
        Whether the caller has given up.

        A coroutine is cancelled at its ``await`` then; a `blocking` method has to
        look here.
        """
        return self._call.cancelled

    def on_cancel(self, callback: Callable[[], object]) -> None:
        """
        Have ``callback()`` run when the caller gives up, once; at once if it has.

        For a method that blocks and can be woken up. It runs in the reactor's thread,
        so it must not block itself.
        """
        call, waiting = self._call, [callback]

        def tell(_: object = None) -> None:
            if call.cancelled:
                try:
                    once = waiting.pop()
                except IndexError:
                    return  # called already, perhaps in the other thread
                once()

        call.on_end(tell)
        tell()

    def set_compression(self, name: str) -> None:
        """
        Have the response compressed so, whatever its size; ``none``: not at all.

        Of a stream all messages, if it is called before the first. A caller that does not accept
        this compression method gets them uncompressed.
        """
        self._call.compression = name

    def send_metadata(self, metadata: MetadataLike) -> None:
        """
        Add pairs that the caller gets before the (first) message.
        """
        self._call.response_metadata = self._call.response_metadata.plus(metadata)

    def send_trailers(self, metadata: MetadataLike) -> None:
        """
        Add pairs that the caller gets after the (last) message.
        """
        self._call.trailers = self._call.trailers.plus(metadata)


def context() -> Context:
    """
    Return the context of the call that the running code serves.

    Raises:
        LookupError: it serves none.
    """
    call = serving.get()
    if call is None:
        raise LookupError("this code is not serving a call")
    return Context(call)
