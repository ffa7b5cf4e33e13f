"""
Calls as the threads' API of grpcio hands them out, over the framework's own.

The calls run in the reactor's thread; whoever asks one of these objects for something
that is not there yet blocks. This file imports grpcio, whose exceptions its users catch
and of whose kinds these objects are; the channel imports it once a stub is made.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Any, Protocol, TypeVar

import grpc

from rpcfw.errors import CallError, Cancelled, DeadlineExceeded
from rpcfw.spi.call_details import CallDetails
from rpcfw.spi.runtime.clock import Clock, Threads
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.spi.stream import Stream
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.adapters.call_failed import CallFailed
from rpcfw_grpc.adapters.grpcio_values import Pair, code_of, details_of, grpc_pairs, trailers_of

__all__ = ["BlockingAnswer", "BlockingStream", "Facade"]

T = TypeVar("T")

_GIVEN_UP = "the call was given up"


class Facade(Protocol):
    """
    What is used of the application for plain threads.
    """

    def run(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T: ...

    def begin(
        self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any
    ) -> Future[T]: ...


class _Call(grpc.Call):  # type: ignore[misc]  # grpcio has no types
    """
    What all calls have.

    Args:
        clock: for the time that is left.
        threads: where callbacks run, which may block.
        timeout_s: the caller's limit, None for the configured one.
    """

    def __init__(self, clock: Clock, threads: Threads, timeout_s: float | None) -> None:
        self._clock = clock
        self._threads = threads
        self._deadline = None if timeout_s is None else clock.seconds() + timeout_s
        #: Of None, once the call is over: a future, for what it can be waited for and tell.
        self._over: Future[Any] = Future()

    # What a subclass reports of a call that is over.

    @abstractmethod
    def _failure(self) -> BaseException | None: ...

    @abstractmethod
    def _began(self) -> Metadata: ...

    @abstractmethod
    def _trailers(self) -> Metadata: ...

    # grpc.Call.

    def code(self) -> Any:
        self._await_end()
        return code_of(self._failure())

    def details(self) -> str:
        self._await_end()
        return details_of(self._failure())

    def debug_error_string(self) -> str:
        self._await_end()
        return str(self._failure() or "")

    def initial_metadata(self) -> tuple[Pair, ...]:
        return grpc_pairs(self._began())

    def trailing_metadata(self) -> tuple[Pair, ...]:
        self._await_end()
        return grpc_pairs(trailers_of(self._failure(), self._trailers()))

    def is_active(self) -> bool:
        return not self._over.done()

    def time_remaining(self) -> float | None:
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - self._clock.seconds())

    def add_callback(self, callback: Callable[[], Any]) -> bool:
        """
        Have it called, in a thread where it may block, when the call is over.
        """
        if self._over.done():
            return False
        self._over.add_done_callback(lambda _: self._call_later(callback))
        return True

    @abstractmethod
    def cancel(self) -> bool: ...

    # Of grpc.Future, what streams have as well.

    def cancelled(self) -> bool:
        return self._over.done() and isinstance(self._failure(), _LocallyCancelled)

    def running(self) -> bool:
        return not self._over.done()

    def done(self) -> bool:
        return self._over.done()

    def add_done_callback(self, callback: Callable[[Any], Any]) -> None:
        """
        Likewise; of a call that is over, at once.
        """
        self._over.add_done_callback(lambda _: self._call_later(callback, self))

    def _call_later(self, callback: Callable[..., Any], *arguments: Any) -> None:
        # From the reactor's thread, to which the pool belongs, whoever ends the call.
        self._threads.post(self._threads.call, callback, *arguments)

    def _await_end(self) -> None:
        wait([self._over])

    def _raised(self) -> BaseException:
        """
        Return what is raised for a call that failed.
        """
        error = self._failure()
        if isinstance(error, CallError):
            failed: BaseException = CallFailed(error, self._began(), self._trailers())
            failed.__cause__ = error
            return failed
        return error or AssertionError(error)


class _LocallyCancelled(Cancelled):
    """
    Given up on this side, by `cancel`.
    """


class BlockingAnswer(_Call, grpc.Future):  # type: ignore[misc]  # grpcio has no types
    """
    A call with one answer.

    Args:
        answer: to come.
        details: metadata and trailers of the response.
    """

    def __init__(
        self,
        answer: Future[Any],
        details: CallDetails,
        clock: Clock,
        threads: Threads,
        timeout_s: float | None,
    ) -> None:
        super().__init__(clock, threads, timeout_s)
        self._over = answer
        self._beside = details

    def cancel(self) -> bool:
        return self._over.cancel()

    def result(self, timeout: float | None = None) -> Any:
        self._await_result(timeout)
        if self._failure() is not None:
            raise self._raised()
        return self._over.result()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._await_result(timeout)
        return None if self._failure() is None else self._raised()

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        self._await_result(timeout)
        error = self._failure()
        return None if error is None else error.__traceback__

    def awaited(self) -> Any:
        """
        Return the answer, which the caller waits for: an interrupted wait ends the call.
        """
        try:
            return self.result()
        except BaseException:
            self.cancel()
            raise

    def _await_result(self, timeout_s: float | None) -> None:
        if not wait([self._over], timeout_s).done:
            raise grpc.FutureTimeoutError
        if self._over.cancelled():
            raise grpc.FutureCancelledError

    def _failure(self) -> BaseException | None:
        if self._over.cancelled():
            return _LocallyCancelled(_GIVEN_UP)
        error = self._over.exception()
        return Cancelled(_GIVEN_UP) if isinstance(error, CANCELLED) else error

    def _began(self) -> Metadata:
        self._await_end()
        return self._beside.metadata

    def _trailers(self) -> Metadata:
        return self._beside.trailers


class BlockingStream(_Call, Iterator[Any]):
    """
    A call with a stream of answers, begun at once. Dropped half-read it is given up.

    Args:
        stream: the framework's own.
        facade: the way to the reactor's thread.
        close: releases the caller's own messages when the call is over.
    """

    def __init__(
        self,
        stream: Stream,
        facade: Facade,
        clock: Clock,
        threads: Threads,
        timeout_s: float | None,
        close: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(clock, threads, timeout_s)
        self._stream = stream
        self._facade = facade
        self._close = close
        self._ending = threading.Lock()
        self._error: BaseException | None = None
        self._first = facade.begin(stream.metadata)

    def __next__(self) -> Any:
        if self._over.done():
            raise StopIteration if self._error is None else self._raised()
        try:
            return self._facade.run(self._stream.__anext__)
        except StopAsyncIteration:
            self._finish(None)
            raise StopIteration from None
        except CallError as error:
            self._finish(error)
            raise self._raised() from error
        except BaseException:
            self.cancel()
            raise

    def next(self) -> Any:
        """
        As grpcio has it.
        """
        return self.__next__()

    def cancel(self) -> bool:
        if not self._finish(_LocallyCancelled(_GIVEN_UP)):
            return False
        self._threads.post(self._stream.cancel)
        return True

    def __del__(self) -> None:
        over = getattr(self, "_over", None)
        if over is not None and not over.done():
            self.cancel()

    def _finish(self, error: BaseException | None) -> bool:
        with self._ending:
            if self._over.done():
                return False
            self._error = error
            self._over.set_result(None)
        if self._close is not None:
            self._threads.post(self._close)
        return True

    def _await_end(self) -> None:
        """
        Wait for whoever reads; nobody may, so a call's own limit ends the wait as well.
        """
        wait([self._over], self.time_remaining())
        late = DeadlineExceeded("the stream was not read to its end before its deadline")
        if self._finish(late):
            self._threads.post(self._stream.cancel)

    def _failure(self) -> BaseException | None:
        return self._error

    def _began(self) -> Metadata:
        try:
            return self._first.result()
        except CallError as error:
            return Metadata(error.metadata)
        except CANCELLED:
            return EMPTY

    def _trailers(self) -> Metadata:
        return self._stream.trailers
