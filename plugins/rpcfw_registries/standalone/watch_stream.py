"""
The watches of one process at a registry server.

There is one stream for all of them, of instances and of rules. It is opened again whenever it ends.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.errors import CallError, DeadlineExceeded, Unavailable
from rpcfw.spi.channel import Channel
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Watch
from rpcfw.spi.rules import RuleWatch
from rpcfw.spi.runtime.background import in_background, loop_in_background
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.spi.stream import Stream
from rpcfw.status import Status
from rpcfw.values.call_options import CallOptions
from rpcfw.values.rule import Scope
from rpcfw_registries.rules.store import RecordListener
from rpcfw_registries.standalone.session import CALL_S, FINAL, WATCH, Session
from rpcfw_registries.standalone.updates import RulesUpdate, Topic, Update, Updates
from rpcfw_registries.standalone.watched import Watched
from rpcfw_registries.standalone.watched_rules import WatchedRules
from rpcfw_registries.standalone.watched_service import WatchedService

__all__ = ["WatchStream"]

#: How long one stream lasts before the next resumes where it ended. Half of it is
#: random, so that a fleet does not come back at once.
_STREAM_S = 3600.0
#: An answer may take `CALL_S`, and twice as long each time that none came, so many times. After
#: the death of a server, thousands come to another one at once: it must not lose them again.
_MAX_DOUBLINGS = 3
#: The delay after a refusal; half of it is random.
_REFUSED_S = 2.0
_MAX_BEHIND_CHARS = 200

_decode = msgspec.json.Decoder(Update).decode
_decode_rules = msgspec.json.Decoder(RulesUpdate).decode


class WatchStream:
    """
    All watches of one registry.

    Args:
        hold_s: see `WatchedService`.
        min_interval_s: the same.
    """

    log = Logger()

    def __init__(
        self, session: Session, hold_s: float, min_interval_s: float, plugin_context: PluginContext
    ) -> None:
        self._session = session
        self._hold_s = hold_s
        self._min_interval_s = min_interval_s
        self._plugin_context = plugin_context
        self._clock = plugin_context.clock
        self._log = LimitedLog(self.log, self._clock.seconds)
        self._watched = Watched()
        #: What the server does not know yet: to add, if it is watched, or to remove.
        self._unsent: dict[Topic, None] = {}
        self._has_unsent = Event()
        #: Asked for again after a delay, if there is no answer until then.
        self._retried: set[Topic] = set()
        self._retrying: DelayedCall | None = None
        #: Requests of this stream, of those the ones answered, and the time limit of the next.
        self._sent = self._answered = 0
        self._overdue: DelayedCall | None = None
        self._expired = False
        #: How often no answer came since the last one.
        self._unanswered = 0
        #: Why the whole stream is refused; empty if it is not.
        self._reason = ""
        self._behind = ""
        self._taking = self._closed = False
        self._running: Deferred[None] | None = None

    @property
    def behind(self) -> str:
        """
        Why the lists may be old; empty if they are not, or nothing is watched.
        """
        behind = self._behind if self._watched.lists else ""
        return f"the list may be old: of the registry server, {behind}" if behind else ""

    def watch(self, service: str, listener: Listener, on_refused: OnRefused) -> Watch:
        """
        See `rpcfw.spi.registry.Registry.watch`.
        """
        lists = self._watched.lists
        watched = lists.get(service)
        if watched is None:
            watched = lists[service] = WatchedService(
                service,
                self._hold_s,
                self._min_interval_s,
                self._remove,
                self._trouble,
                lambda: self._session.away,
                self._plugin_context,
            )
            self._ask(service)
        return watched.add(listener, on_refused)

    def watch_rules(
        self, scope: Scope, listener: RecordListener, on_refused: Callable[[str], None]
    ) -> RuleWatch:
        """
        See `rpcfw_registries.rules.store.RecordStore.watch`.
        """
        rules = self._watched.rules
        watched = rules.get(scope)
        if watched is None:
            watched = WatchedRules(scope, lambda: self._remove(scope), self._clock)
            rules[scope] = watched
            self._ask(scope)
        return watched.add(listener, on_refused)

    def close(self) -> None:
        """
        End all watches.
        """
        self._watched.close()
        for timer in (self._retrying, self._overdue):
            if timer is not None and timer.active():
                timer.cancel()
        self._closed = True
        # A listener may stop the registry; the loop ends by itself then.
        if self._running is not None and not self._taking:
            self._running.cancel()

    def _trouble(self) -> str:
        return self._session.trouble or self._reason or self.behind

    def _ask(self, topic: Topic) -> None:
        self._unsent[topic] = None
        self._has_unsent.set()
        if self._running is None and not self._closed:
            self._running = loop_in_background(
                self._run, "watching at a registry server", self._clock, self._set_reason
            )

    def _remove(self, topic: Topic) -> None:
        if self._watched.remove(topic):
            self._ask(topic)

    async def _run(self) -> None:
        while not self._closed:
            while not self._watched:
                self._has_unsent.clear()
                await self._has_unsent.wait()
            channel = await self._session.open()
            try:
                await self._read(channel)
            except CallError as error:
                if not self._failed(channel, error):
                    self._fail(str(error), refused=error.status in FINAL)
                    await sleep(self._clock, self._refused_s())

    def _failed(self, channel: Channel, error: CallError) -> bool:
        if error.status is Status.RESOURCE_EXHAUSTED and self._session.servers > 1:
            # Another server of the group may have space for this process.
            error = Unavailable(str(error), hints=error.hints)
        return self._session.failed(channel, error)

    async def _read(self, channel: Channel) -> None:
        """
        Read one stream to its end.

        Raises:
            CallError: it ended for another reason than its age.
        """
        self._sent = self._answered = 0
        self._expired = False
        self._unsent = dict.fromkeys(self._watched.topics())
        self._has_unsent.set()
        lasts_s = _STREAM_S * (0.5 + 0.5 * self._plugin_context.random.random())
        async with channel.stream(WATCH, None, CallOptions(lasts_s)) as stream:
            self._await_answer(stream)
            writing = in_background(self._write(stream), "asking for services to watch")
            try:
                async for updates in stream:
                    self._take(channel, stream, updates)
                    if self._closed:
                        return
                raise Unavailable("the node ended the watch")
            except DeadlineExceeded:
                return
            except CallError:
                if self._expired:
                    raise DeadlineExceeded("no answer to a watch in time") from None
                raise
            finally:
                writing.cancel()
                self._stop_waiting()

    async def _write(self, stream: Stream) -> None:
        """
        Send what the server does not know yet, as long as the stream lasts.
        """
        while True:
            await self._has_unsent.wait()
            # What is watched in the same turn goes in one request.
            await sleep(self._clock, 0)
            self._has_unsent.clear()
            unsent, self._unsent = self._unsent, {}
            for request in self._watched.requests(unsent):
                self._sent += 1
                self._await_answer(stream)
                try:
                    await stream.send(request)
                except CallError:
                    return  # the one who reads learns it too

    def _take(self, channel: Channel, stream: Stream, updates: Updates) -> None:
        self._session.answered(channel)
        self._reason = ""
        self._unanswered = 0
        self._behind = updates.behind[:_MAX_BEHIND_CHARS]
        if updates.answered > self._answered or self._answered == self._sent:
            self._answered = min(updates.answered, self._sent)
            self._stop_waiting()
        if self._answered < self._sent:
            self._await_answer(stream)
        self._taking = True
        try:
            self._take_all(updates)
        finally:
            self._taking = False

    def _take_all(self, updates: Updates) -> None:
        for decode, all_packed in ((_decode, updates.updates), (_decode_rules, updates.rules)):
            for packed in all_packed:
                try:
                    update = decode(packed)
                except (ValueError, RecursionError) as error:
                    self._log.warn_of(
                        "unreadable", "an update cannot be read: {error}", error=str(error)
                    )
                    continue
                self._take_one(update)

    def _take_one(self, update: Update | RulesUpdate) -> None:
        topic = update.topic
        watched = self._watched.find(topic)
        if watched is None:
            return
        if update.refused:
            reason = f"the registry server refuses the watch: {update.refused}"
            watched.fail(reason, refused=update.final)
            # Even if it had answered before, the server has forgotten the watch.
            watched.is_asked = True
            self._retry(topic)
        elif not watched.take(update):
            if watched.is_asked:
                # It was on its way when the server was asked: the answer comes, most likely.
                self._retry(topic)
            else:
                self._ask(topic)

    def _retry(self, topic: Topic) -> None:
        self._retried.add(topic)
        if self._retrying is None or not self._retrying.active():
            self._retrying = self._clock.callLater(self._refused_s(), self._ask_again)

    def _ask_again(self) -> None:
        retried, self._retried = self._retried, set()
        for topic in retried:
            watched = self._watched.find(topic)
            if watched is not None and watched.is_asked:
                self._ask(topic)

    def _refused_s(self) -> float:
        return _REFUSED_S * (0.5 + 0.5 * self._plugin_context.random.random())

    def _await_answer(self, stream: Stream) -> None:
        if self._overdue is None or not self._overdue.active():
            limit_s = CALL_S * 2 ** min(self._unanswered, _MAX_DOUBLINGS)
            self._overdue = self._clock.callLater(limit_s, self._give_up, stream)

    def _stop_waiting(self) -> None:
        if self._overdue is not None and self._overdue.active():
            self._overdue.cancel()

    def _give_up(self, stream: Stream) -> None:
        self._expired = True
        self._unanswered += 1
        stream.cancel()

    def _set_reason(self, reason: str) -> None:
        self._reason = reason

    def _fail(self, reason: str, *, refused: bool) -> None:
        if reason != self._reason:
            self._reason = reason
            self.log.warn(
                "the registry server refuses to be watched, tried again: {reason}", reason=reason
            )
        self._watched.fail(reason, refused=refused)
