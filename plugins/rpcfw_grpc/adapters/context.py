"""
The context object that grpcio's servicers are given, over the framework's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from math import inf
from typing import Any, NoReturn

from rpcfw.errors import ApplicationError, CallError
from rpcfw.spi.compressor import uncompressed
from rpcfw.spi.context import Context
from rpcfw.spi.runtime.clock import Clock, Threads
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Status
from rpcfw.values.metadata import Metadata, Pairs
from rpcfw_grpc.adapters.callbacks import run_callback
from rpcfw_grpc.adapters.grpcio_values import DETAILS, Pair, compression_of, grpc_pairs, pairs_of

__all__ = ["AioContext", "CallContext", "ThreadContext"]


class CallContext:
    """
    What both kinds of servicers may know and say.

    Args:
        context: the framework's own.
        clock: for the time that is left.
    """

    def __init__(self, context: Context, clock: Clock) -> None:
        self._context = context
        self._clock = clock
        self._code: Any = None
        self._text = ""
        self._trailers: Pairs = ()
        self._aborted: CallError | None = None
        self._callbacks: list[Callable[[], Any]] = []
        self._ended = False
        self._plain = self._next_plain = False

    # What the caller has sent.

    def invocation_metadata(self) -> tuple[Pair, ...]:
        return grpc_pairs(self._context.metadata)

    def peer(self) -> str:
        peer = self._context.peer
        if peer.startswith("["):
            return f"ipv6:{peer}"
        return f"ipv4:{peer}" if peer[:1].isdigit() else f"unix:{peer}"

    def peer_identities(self) -> None:
        return None

    def peer_identity_key(self) -> None:
        return None

    def auth_context(self) -> dict[str, Iterable[bytes]]:
        return {}

    def time_remaining(self) -> float | None:
        deadline = self._context.deadline
        return None if deadline == inf else max(0.0, deadline - self._clock.seconds())

    # What the servicer sends.

    def set_code(self, code: Any) -> None:
        self._code = code

    def set_details(self, details: str) -> None:
        self._text = details

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._trailers = _pairs(trailing_metadata)

    def code(self) -> Any:
        return self._code

    def details(self) -> str:
        return self._text

    def trailing_metadata(self) -> tuple[Pair, ...]:
        return grpc_pairs(self._trailers)

    def set_compression(self, compression: Any) -> None:
        """
        Compress all messages in this way, if it is called before the first message.
        """
        name = compression_of(compression)
        self._plain = name == "none"
        self._context.set_compression(name)

    def disable_next_message_compression(self) -> None:
        self._next_plain = True

    def compressed(self, answer: Any) -> Any:
        """
        Return an answer as it is to be sent.
        """
        plain, self._next_plain = self._plain or self._next_plain, False
        return uncompressed(answer) if plain else answer

    # How it ends.

    def _abort(self, code: Any, details: str) -> NoReturn:
        status = _status(code)
        if status is Status.OK:
            status, details = Status.UNKNOWN, "abort() was called with the status OK"
        self._aborted = self._error(status, details)
        raise self._aborted

    def _error(self, status: Status, text: str) -> ApplicationError:
        others = tuple(pair for pair in self._trailers if pair[0] != DETAILS)
        details = next((value for name, value in self._trailers if name == DETAILS), b"")
        return ApplicationError(
            status,
            text,
            details=details if isinstance(details, bytes) else b"",
            trailers=others,
        )

    def settle(self, error: BaseException | None = None) -> None:
        """
        End the call: raise the status for its caller, if that is not OK.

        Args:
            error: what the servicer raised.
        """
        self._end()
        if isinstance(error, (GeneratorExit, *CANCELLED)):
            raise error
        if self._aborted is not None:
            raise self._aborted
        status = Status.OK if self._code is None else _status(self._code)
        if isinstance(error, CallError) or (error is not None and status is Status.OK):
            raise error
        if status is not Status.OK:
            raise self._error(status, self._text or str(error or "")) from error
        self._context.send_trailers(self._trailers)

    def _end(self) -> None:
        self._ended = True
        while self._callbacks:
            try:
                callback = self._callbacks.pop(0)
            except IndexError:
                return  # another thread ends it as well: its caller gave up meanwhile
            run_callback(callback)


class ThreadContext(CallContext):
    """
    For servicers of plain functions, which run in threads.

    Args:
        threads: where callbacks run when the caller gives up: they may block.
    """

    def __init__(self, context: Context, clock: Clock, threads: Threads) -> None:
        super().__init__(context, clock)
        self._threads = threads

    def abort(self, code: Any, details: str) -> NoReturn:
        self._abort(code, details)

    def abort_with_status(self, status: Any) -> NoReturn:
        self.set_trailing_metadata(status.trailing_metadata)
        self._abort(status.code, status.details)

    def send_initial_metadata(self, initial_metadata: Any) -> None:
        """
        It leaves with the first message, or the end.
        """
        self._context.send_metadata(_pairs(initial_metadata))

    def is_active(self) -> bool:
        return not (self._ended or self.given_up or self._context.cancelled)

    @property
    def given_up(self) -> bool:
        """
        Whether the servicer has ended the call, by `abort` or `cancel`.
        """
        return self._aborted is not None

    def cancel(self) -> None:
        """
        End the call, from any thread; its caller gets the end when the servicer runs next.
        """
        self._aborted = self._error(Status.CANCELLED, "the server gave the call up")

    def add_callback(self, callback: Callable[[], Any]) -> bool:
        """
        Have it called when the servicer has ended, or its caller gives up before.
        """
        if self._ended:
            return False
        self._callbacks.append(callback)
        if len(self._callbacks) == 1:
            # From the reactor's thread, to which the pool belongs.
            self._context.on_cancel(lambda: self._threads.post(self._threads.call, self._end))
        return True


class AioContext(CallContext):
    """
    For servicers of coroutines.

    Args:
        messages: of the caller, where it streams.
        write: takes a message to the caller, where the servicer streams by writing.
    """

    def __init__(
        self,
        context: Context,
        clock: Clock,
        messages: AsyncIterator[Any] | None = None,
        write: Callable[[Any], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(context, clock)
        self._messages = messages
        self._write = write

    async def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        if trailing_metadata:
            self.set_trailing_metadata(trailing_metadata)
        self._abort(code, details)

    async def abort_with_status(self, status: Any) -> NoReturn:
        self.set_trailing_metadata(status.trailing_metadata)
        self._abort(status.code, status.details)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        """
        It leaves with the first message, or the end.
        """
        self._context.send_metadata(_pairs(initial_metadata))

    async def read(self) -> Any:
        from grpc.aio import EOF

        if self._messages is None:
            raise TypeError("read() is for methods whose callers stream")
        try:
            return await self._messages.__anext__()
        except StopAsyncIteration:
            return EOF

    async def write(self, message: Any) -> None:
        if self._write is None:
            raise TypeError("write() is for coroutines that stream their answers")
        await self._write(message)

    def cancelled(self) -> bool:
        return self._context.cancelled

    def done(self) -> bool:
        return self._ended

    def add_done_callback(self, callback: Callable[[Any], Any]) -> None:
        self._callbacks.append(lambda: callback(self))


def _status(code: Any) -> Status:
    """
    Return the status for one of grpcio's, or for a number.
    """
    number = getattr(code, "value", code)
    return Status.from_wire(number[0] if isinstance(number, tuple) else number)


def _pairs(metadata: Any) -> Pairs:
    return Metadata.of(pairs_of(metadata)).pairs
