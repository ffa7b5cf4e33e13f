"""
The watches of consumers at a registry server.

Theory of operation. A change of a service makes it due for those that watch it, after
``min_update_interval``, so that changes in that time are one. They are woken some at a time,
in the order in which they came, and other work of the server goes on in between. If there is
more to send than there is time for, a turn comes later, and has more changes in one message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from functools import lru_cache

import msgspec

from rpcfw.errors import CallError, Overloaded, PermissionDenied, Rejected
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.values.rule import service_scope
from rpcfw_registries.standalone.node.caller import Caller
from rpcfw_registries.standalone.node.catalog import Catalog
from rpcfw_registries.standalone.node.encoder import PART_BYTES, Encoder, Part, encoded_part
from rpcfw_registries.standalone.node.guard import Action, Guard
from rpcfw_registries.standalone.node.options import NodeOptions
from rpcfw_registries.standalone.node.subscriber import Subscriber
from rpcfw_registries.standalone.updates import Update, Updates, WatchRequest

__all__ = ["Watches"]

#: Consumers that are woken in one turn: some milliseconds.
_WOKEN_AT_ONCE = 100

#: It is asked for at each message.
_scope_of = lru_cache(maxsize=10_000)(service_scope)


class Watches:
    """
    All streams of consumers.

    Args:
        epoch: of this life of the server.
    """

    def __init__(
        self,
        catalog: Catalog,
        guard: Guard,
        options: NodeOptions,
        epoch: str,
        plugin_context: PluginContext,
    ) -> None:
        self._catalog = catalog
        self._guard = guard
        self._options = options
        self._clock = plugin_context.clock
        self._encoder = Encoder(catalog, epoch)
        self._subscribers: dict[Subscriber, None] = {}
        self._by_service: dict[str, dict[Subscriber, None]] = {}
        self._count = 0
        #: Services that have changed, and when those that watch them learn it.
        self._changed: dict[str, None] = {}
        self._flushing: DelayedCall | None = None
        self._ready: deque[Subscriber] = deque()
        self._waking: DelayedCall | None = None
        self._leaving = False
        self._behind = ""
        self._joining = False
        meter = plugin_context.meter
        self._open = meter.gauge("rpcfw_registry_watches", "watches that are open").of()
        self._streams = meter.gauge(
            "rpcfw_registry_watch_streams", "consumers that watch, each with one stream"
        ).of()
        catalog.listen(self._service_changed)

    def __len__(self) -> int:
        return self._count

    def leave(self) -> None:
        """
        End every watch, and refuse others.
        """
        self._leaving = True
        for subscriber in self._subscribers:
            subscriber.over = True
            self._make_ready(subscriber)

    def stop(self) -> None:
        """
        Send nothing any more.
        """
        for timer in (self._flushing, self._waking):
            if timer is not None and timer.active():
                timer.cancel()

    def set_behind(self, behind: str, joining: bool) -> None:
        """
        Have every consumer learn why the lists may be old: some at a time.

        Args:
            joining: send no empty list yet. That of a server which knows nothing yet would be
                taken for all that there is.
        """
        self._behind, self._joining = behind, joining
        for subscriber in self._subscribers:
            self._make_ready(subscriber)

    async def updates(
        self, caller: Caller, requests: AsyncIterator[WatchRequest]
    ) -> AsyncGenerator[Updates, None]:
        """
        Answer the requests of a consumer, and send each change of what it watches.

        Raises:
            Rejected: this server is stopping.
            Overloaded: there are too many streams.
        """
        subscriber = self._open_stream(caller)
        reading = in_background(self._read(subscriber, requests), "reading what is watched")
        try:
            # An answer: the consumer waits for one.
            yield Updates(behind=self._behind)
            while not subscriber.over:
                await subscriber.wake.wait()
                subscriber.wake.clear()
                for message in self._messages(subscriber):
                    yield message
                subscriber.idle.set()
                if subscriber.due:
                    subscriber.wake.set()
            if subscriber.error is not None:
                raise subscriber.error
        finally:
            reading.cancel()
            self._close_stream(subscriber)

    async def _read(self, subscriber: Subscriber, requests: AsyncIterator[WatchRequest]) -> None:
        try:
            async for request in requests:
                self._take(subscriber, request)
                # A consumer that asks faster than it reads waits, and so costs no memory.
                await subscriber.idle.wait()
        except CallError as error:
            subscriber.error, subscriber.over = error, True
            subscriber.wake.set()

    def _take(self, subscriber: Subscriber, request: WatchRequest) -> None:
        for service in request.remove:
            self._remove(subscriber, service)
        subscriber.ask(request)
        self._make_ready(subscriber)

    def _messages(self, subscriber: Subscriber) -> Iterator[Updates]:
        """
        Return what is due, in messages, each made when it is asked for.
        """
        if not self._joining and subscriber.postponed:
            subscriber.due |= subscriber.postponed
            subscriber.postponed = {}
        batch: list[msgspec.Raw] = []
        size = 0
        # What becomes due meanwhile comes in the next round. In between, what a consumer that reads
        # slowly asks for is read.
        for _ in range(len(subscriber.due)):
            if subscriber.over or not subscriber.due:
                break
            for part, part_size in self._next(subscriber):
                if batch and size + part_size > PART_BYTES:
                    yield subscriber.message(batch, self._behind)
                    batch, size = [], 0
                batch.append(part)
                size += part_size
        if batch or subscriber.has_to_learn(self._behind):
            yield subscriber.message(batch, self._behind)

    def _next(self, subscriber: Subscriber) -> tuple[Part, ...]:
        """
        Return what to send of the service that is due next.
        """
        service, wanted = subscriber.take_due()
        try:
            # The rules may be others by now.
            self._guard.check(subscriber.caller, Action.WATCH, _scope_of(service))
            if service not in subscriber.known:
                self._add(subscriber, service)
        except (PermissionDenied, Overloaded) as error:
            self._remove(subscriber, service)
            final = isinstance(error, PermissionDenied)
            return (encoded_part(Update(service, refused=error.message, final=final)),)
        since = subscriber.known[service]
        if wanted is not None:
            if self._joining and not self._catalog.count(service):
                subscriber.postponed[service] = wanted
                return ()
            encoded = self._encoder.answer(wanted)
        elif since is None or since == self._catalog.number(service):
            # It asks once more, or another message had this change already.
            return ()
        else:
            encoded = self._encoder.changes(service, since)
        subscriber.known[service] = encoded.number
        return encoded.parts

    def _service_changed(self, service: str) -> None:
        if service not in self._by_service:
            return
        self._changed[service] = None
        if self._flushing is None:
            self._flushing = self._clock.callLater(self._options.min_update_interval, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        changed, self._changed = self._changed, {}
        for service in changed:
            for subscriber in self._by_service.get(service, ()):
                subscriber.changed(service)
                self._make_ready(subscriber)

    def _make_ready(self, subscriber: Subscriber) -> None:
        if subscriber.ready:
            return
        subscriber.ready = True
        self._ready.append(subscriber)
        if self._waking is None:
            self._waking = self._clock.callLater(0, self._wake)

    def _wake(self) -> None:
        self._waking = None
        for _ in range(min(len(self._ready), _WOKEN_AT_ONCE)):
            subscriber = self._ready.popleft()
            subscriber.ready = False
            subscriber.wake.set()
        if self._ready and self._waking is None:
            self._waking = self._clock.callLater(0, self._wake)

    def _open_stream(self, caller: Caller) -> Subscriber:
        if self._leaving:
            raise Rejected("this node is stopping")
        if len(self._subscribers) >= self._options.max_streams:
            raise Overloaded(
                f"this server has its limit of max_streams = {self._options.max_streams}"
            )
        self._guard.clients.add_stream(caller)
        subscriber = Subscriber(caller, behind=self._behind)
        self._subscribers[subscriber] = None
        self._streams.value = len(self._subscribers)
        return subscriber

    def _close_stream(self, subscriber: Subscriber) -> None:
        for service in tuple(subscriber.known):
            self._remove(subscriber, service)
        del self._subscribers[subscriber]
        self._streams.value = len(self._subscribers)
        self._guard.clients.remove_stream(subscriber.caller)

    def _add(self, subscriber: Subscriber, service: str) -> None:
        if self._count >= self._options.max_watches:
            raise Overloaded(
                f"this server has its limit of max_watches = {self._options.max_watches}"
            )
        self._guard.clients.add_watch(subscriber.caller)
        subscriber.known[service] = None
        self._by_service.setdefault(service, {})[subscriber] = None
        self._count += 1
        self._open.value = self._count

    def _remove(self, subscriber: Subscriber, service: str) -> None:
        if not subscriber.remove(service):
            return
        watching = self._by_service[service]
        del watching[subscriber]
        if not watching:
            del self._by_service[service]
        self._guard.clients.remove_watch(subscriber.caller)
        self._count -= 1
        self._open.value = self._count
