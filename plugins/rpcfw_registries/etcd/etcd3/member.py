"""
A member of etcd as the package etcd3 asks it.

Theory of operation. Of the package its channel, its stubs and its messages are used.
What it puts above them loses what a registry needs to know: the revision of an
answer, the time to live of a lease, why a watch ended; and its watch is gone with
the first connection.

A call is begun in the reactor's thread, which does not block; gRPC ends it, in its
own thread, with an answer or when its time is over, and that is posted to the
reactor's thread. An answer that is a stream has a thread (`etcd3_reading`).

Requests are handed over as bytes: so what the package's older messages do not name
reaches etcd all the same. A response to a watch comes back in this way too, since
they do not know of those that come in parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from rpcfw.errors import Cancelled, DeadlineExceeded, Unavailable
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.waiting import Waiter, as_coroutine, with_deadline
from rpcfw.values.address import Address
from rpcfw.values.method import Method
from rpcfw.values.tls_files import TLSFiles
from rpcfw_registries.etcd.etcd3.errors import translated
from rpcfw_registries.etcd.etcd3.package import connected
from rpcfw_registries.etcd.etcd3.reading import Reading
from rpcfw_registries.etcd.member import Changes, Member
from rpcfw_registries.etcd.messages import LEASE_KEEP_ALIVE, WATCH

__all__ = ["Etcd3Member"]

#: How long closing is waited for; it goes on by itself.
_CLOSE_S = 1.0

_log = Logger()


class Etcd3Member(Member):
    """
    Asks with a client of the package, which it owns.

    Args:
        package: the module ``etcd3``.
        files: for TLS, if the address wants it.
    """

    def __init__(
        self, package: Any, address: Address, files: TLSFiles, plugin_context: PluginContext
    ) -> None:
        self._package = package
        self._address = address
        self._files = files
        self._clock = plugin_context.clock
        self._timers = plugin_context.timers
        self._threads = plugin_context.threads
        self._client: Any = None
        self._closed = False

    async def call(
        self, method: Method, request: Any, timeout_s: float, metadata: dict[str, str] | None = None
    ) -> Any:
        if method is LEASE_KEEP_ALIVE:
            return await self._call_of_streams(method, request, timeout_s, metadata)
        future = self._begun(
            lambda: self._stub(method).future(
                self._handed(request), timeout=timeout_s, metadata=_pairs(metadata)
            )
        )
        return await _Answer(future, self._threads.post)

    def watch(self, request: Any, timeout_s: float, metadata: dict[str, str]) -> Changes:
        return self._reading(WATCH, request, timeout_s, metadata, _as_ours)

    async def close(self) -> None:
        client, self._client = self._client, None
        self._closed = True
        if client is None:
            return
        closing = self._threads.call(client.close)
        closing.addErrback(lambda failure: _log.failure("closing etcd3's client failed", failure))
        deadline = self._clock.seconds() + _CLOSE_S
        done: Waiter[None] = Waiter()
        closing.addBoth(lambda _: None if done.called else done.callback(None))
        try:
            await with_deadline(as_coroutine(done), self._timers, deadline)
        except DeadlineExceeded:
            _log.warn("etcd3's client did not close within {limit_s:g} s", limit_s=_CLOSE_S)

    async def _call_of_streams(
        self, method: Method, request: Any, timeout_s: float, metadata: dict[str, str] | None
    ) -> Any:
        """
        Ask what the package asks as a stream of both sides, for one answer.
        """
        answers = self._reading(method, request, timeout_s, metadata, lambda answer: answer)
        try:
            return await anext(answers)
        except StopAsyncIteration:
            raise Unavailable("the member ended the call without an answer") from None
        finally:
            answers.cancel()

    def _reading(
        self,
        method: Method,
        request: Any,
        timeout_s: float,
        metadata: dict[str, str] | None,
        converted: Callable[[Any], Any],
    ) -> Reading:
        def begin() -> Any:
            # The side of the requests ends with the first. No more are needed, and the
            # thread that gRPC sends them from ends with it.
            requests = iter((self._handed(request),))
            return self._stub(method)(requests, timeout=timeout_s, metadata=_pairs(metadata))

        return Reading(lambda: self._begun(begin), converted, self._threads.post)

    def _begun(self, begin: Callable[[], Any]) -> Any:
        """
        Return a call that was begun.

        Raises:
            CallError: it could not be.
        """
        if self._closed:
            raise Cancelled("the connection to the member was closed")
        try:
            return begin()
        except OSError as error:
            raise Unavailable(f"a file for TLS cannot be read: {error}") from None
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing was asked
            # Not its own text: gRPC quotes metadata, and so tokens.
            raise Unavailable(f"etcd3 cannot ask: {type(error).__name__}") from None

    def _stub(self, method: Method) -> Any:
        if self._client is None:
            self._client = connected(self._package, self._address, self._files)
        service = method.service.rpartition(".")[2]
        stub = getattr(self._package.etcdrpc, f"{service}Stub")(self._client.channel)
        return getattr(stub, method.name)

    def _handed(self, request: Any) -> Any:
        theirs = getattr(self._package.etcdrpc, request.DESCRIPTOR.name)
        return theirs.FromString(request.SerializeToString())


class _Answer(Waiter[Any]):
    """
    What comes of a call.
    """

    def __init__(self, future: Any, post: Callable[..., None]) -> None:
        super().__init__()
        self._future = future
        future.add_done_callback(lambda _: post(self._came))

    def cancel(self) -> None:
        self._future.cancel()
        super().cancel()

    def _came(self) -> None:
        if self.called:
            return
        try:
            answer = self._future.result()
        except Exception as error:  # noqa: BLE001 - `translated` knows gRPC's own classes
            self.errback(translated(error))
        else:
            self.callback(answer)


def _pairs(metadata: dict[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple((metadata or {}).items())


def _as_ours(response: Any) -> Any:
    return WATCH.response_type.FromString(response.SerializeToString())
