"""
The watches of consumers at a registry server: of instances and of rules.

Theory of operation. A change of a service makes it due for those that watch it, after
``min_update_interval``, so that changes in that time are one. So does a change of rules.
Consumers are woken some at a time, in the order in which they came, and other work of the server
goes on in between. If there is more to send than there is time for, a turn comes later, and has
more changes in one message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, Protocol, TypeVar

from rpcfw.errors import CallError, Overloaded, PermissionDenied, Rejected, Unavailable
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.values.rule import Scope
from rpcfw_registries.standalone.node.caller import Caller
from rpcfw_registries.standalone.node.catalog import Catalog
from rpcfw_registries.standalone.node.encoder import Encoder
from rpcfw_registries.standalone.node.encodings import PART_BYTES, Encoded, Known, Part
from rpcfw_registries.standalone.node.guard import Action, Guard
from rpcfw_registries.standalone.node.options import NodeOptions
from rpcfw_registries.standalone.node.rule_encoder import RuleEncoder
from rpcfw_registries.standalone.node.subscriber import Subscriber
from rpcfw_registries.standalone.updates import Topic, Updates, WatchRequest

__all__ = ["Watches"]

#: Consumers that are woken in one turn: some milliseconds.
_WOKEN_AT_ONCE = 100

T_contra = TypeVar("T_contra", contravariant=True)
W_contra = TypeVar("W_contra", contravariant=True)


class _Source(Protocol[T_contra, W_contra]):
    """
    What is watched: the lists of instances, or the rules.
    """

    def scope(self, topic: T_contra) -> Scope: ...
    def is_unknown(self, topic: T_contra) -> bool: ...
    def refusal(self, topic: T_contra, reason: str, final: bool) -> Part: ...
    def answer(self, wanted: W_contra) -> Encoded: ...
    def news(self, topic: T_contra, known: Known) -> Encoded | None: ...


class Watches:
    """
    All streams of consumers.

    Args:
        rules: that are watched beside the instances.
        epoch: of this life of the server.
    """

    def __init__(
        self,
        catalog: Catalog,
        rules: RuleEncoder,
        guard: Guard,
        options: NodeOptions,
        epoch: str,
        plugin_context: PluginContext,
    ) -> None:
        self._guard = guard
        self._options = options
        self._clock = plugin_context.clock
        self._lists = Encoder(catalog, epoch, lambda: self._joining)
        self._rules = rules
        self._subscribers: dict[Subscriber, None] = {}
        self._by_topic: dict[Topic, dict[Subscriber, None]] = {}
        self._count = 0
        #: What has changed, and when those that watch it learn that.
        self._changed: dict[Topic, None] = {}
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
        catalog.listen(self._topic_changed)
        rules.listen(self._topic_changed)

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
            subscriber.look_again()
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
        for rules in request.remove_rules:
            self._remove(subscriber, rules.topic)
        subscriber.ask(request)
        self._make_ready(subscriber)

    def _messages(self, subscriber: Subscriber) -> Iterator[Updates]:
        """
        Return what is due, in messages, each made when it is asked for.
        """
        message = Updates([], rules=[])
        size = 0
        # What becomes due meanwhile comes in the next round. In between, what a consumer that reads
        # slowly asks for is read.
        for _ in range(len(subscriber.due)):
            if subscriber.over or not subscriber.due:
                break
            topic, parts = self._next(subscriber)
            for part, part_size in parts:
                if size and size + part_size > PART_BYTES:
                    yield subscriber.complete(message, self._behind)
                    message, size = Updates([], rules=[]), 0
                (message.rules if isinstance(topic, Scope) else message.updates).append(part)
                size += part_size
        if size or subscriber.has_to_learn(self._behind):
            yield subscriber.complete(message, self._behind)

    def _next(self, subscriber: Subscriber) -> tuple[Topic, tuple[Part, ...]]:
        """
        Return what to send of that which is due next.
        """
        topic, wanted = subscriber.take_due()
        source = self._source(topic)
        try:
            # The rules of access may be others by now.
            self._guard.check(subscriber.caller, Action.WATCH, source.scope(topic))
            if topic not in subscriber.known:
                self._add(subscriber, topic)
            if wanted is None:
                encoded = source.news(topic, subscriber.known[topic])
            elif source.is_unknown(topic):
                subscriber.postponed[topic] = wanted
                encoded = None
            else:
                encoded = source.answer(wanted)
        except (PermissionDenied, Overloaded, Unavailable) as error:
            self._remove(subscriber, topic)
            final = not isinstance(error, Overloaded)
            return topic, (source.refusal(topic, error.message, final),)
        if encoded is None:
            return topic, ()
        subscriber.known[topic] = encoded.known
        return topic, encoded.parts

    def _source(self, topic: Topic) -> _Source[Any, Any]:
        return self._rules if isinstance(topic, Scope) else self._lists

    def _topic_changed(self, topic: Topic) -> None:
        if topic not in self._by_topic:
            return
        self._changed[topic] = None
        if self._flushing is None:
            self._flushing = self._clock.callLater(self._options.min_update_interval, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        changed, self._changed = self._changed, {}
        for topic in changed:
            for subscriber in self._by_topic.get(topic, ()):
                subscriber.changed(topic)
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
        self._guard.clients.add(caller, "streams")
        subscriber = Subscriber(caller, behind=self._behind)
        self._subscribers[subscriber] = None
        self._streams.value = len(self._subscribers)
        return subscriber

    def _close_stream(self, subscriber: Subscriber) -> None:
        for topic in tuple(subscriber.known):
            self._remove(subscriber, topic)
        del self._subscribers[subscriber]
        self._streams.value = len(self._subscribers)
        self._guard.clients.remove(subscriber.caller, "streams")

    def _add(self, subscriber: Subscriber, topic: Topic) -> None:
        if self._count >= self._options.max_watches:
            raise Overloaded(
                f"this server has its limit of max_watches = {self._options.max_watches}"
            )
        self._guard.clients.add(subscriber.caller, "watches")
        subscriber.known[topic] = None
        self._by_topic.setdefault(topic, {})[subscriber] = None
        self._count += 1
        self._open.value = self._count

    def _remove(self, subscriber: Subscriber, topic: Topic) -> None:
        if not subscriber.remove(topic):
            return
        watching = self._by_topic[topic]
        del watching[subscriber]
        if not watching:
            del self._by_topic[topic]
        self._guard.clients.remove(subscriber.caller, "watches")
        self._count -= 1
        self._open.value = self._count
