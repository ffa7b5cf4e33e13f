"""
One watch on a registry server: a stream, opened again whenever it ends.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.errors import CallError, DeadlineExceeded, Unavailable
from rpcfw.spi.channel import Channel
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Watch
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import sleep, with_deadline
from rpcfw.spi.stream import Stream
from rpcfw.values.call_options import CallOptions
from rpcfw_registries.standalone.messages import Update
from rpcfw_registries.standalone.session import CALL_S, FINAL, WATCH, Session
from rpcfw_registries.standalone.view import View

__all__ = ["Watcher"]

#: How long one stream lasts before the next resumes where it ended. Half of it is
#: random, so that a fleet does not come back at once.
_STREAM_S = 3600.0
#: The delay after a refusal.
_REFUSED_S = 2.0

_log = Logger()


class Watcher(Watch):
    """
    The watch of one service.

    Args:
        hold_s: how long to keep instances that a server of another epoch does not know
            (yet).
        min_interval_s: the shortest time between two lists that the listener gets. A list may
            be long, and its server send changes as fast as it likes.
    """

    def __init__(
        self,
        session: Session,
        service: str,
        listener: Listener,
        on_refused: OnRefused,
        hold_s: float,
        min_interval_s: float,
        plugin_context: PluginContext,
    ) -> None:
        self._session = session
        self._service = service
        self._listener = listener
        self._on_refused = on_refused
        self._hold_s = hold_s
        self._min_interval_s = min_interval_s
        self._notified_at = -min_interval_s
        #: The next list, if the listener has to wait for it.
        self._due: DelayedCall | None = None
        self._plugin_context = plugin_context
        self._view = View(service, LimitedLog(_log, plugin_context.clock.seconds))
        self._holding: DelayedCall | None = None
        #: Why the server refuses it; empty if it does not.
        self._reason = ""
        self._notifying = False
        self._open = True
        self._running: Deferred[None] = loop_in_background(
            self._run,
            f"watching {service} at a registry server",
            plugin_context.clock,
            self._set_reason,
        )

    @property
    def trouble(self) -> str:
        return self._session.trouble or self._reason or self.behind

    @property
    def behind(self) -> str:
        """
        Why the list may be old; empty if it is not, and after `close`.
        """
        behind = self._view.behind if self._open else ""
        return f"the list may be old: of the registry server, {behind}" if behind else ""

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        for timer in (self._holding, self._due):
            if timer is not None and timer.active():
                timer.cancel()
        # A listener may close its own watch; the loop ends by itself then.
        if not self._notifying:
            self._running.cancel()

    async def _run(self) -> None:
        while self._open:
            channel = await self._session.open()
            try:
                await self._read(channel)
            except CallError as error:
                if not self._session.failed(channel, error):
                    self._fail(str(error), refused=error.status in FINAL)
                    await sleep(self._plugin_context.clock, _REFUSED_S)

    async def _read(self, channel: Channel) -> None:
        """
        Read one stream to its end.

        Raises:
            CallError: it ended for another reason than its age.
        """
        view = self._view
        view.begin()
        request = WATCH.request_type(service=self._service, epoch=view.epoch, since=view.number)
        lasts_s = _STREAM_S * (0.5 + 0.5 * self._plugin_context.random.random())
        async with channel.stream(WATCH, request, CallOptions(lasts_s)) as stream:
            self._take(await self._first(stream))
            self._session.answered(channel)
            self._reason = ""
            try:
                while self._open:
                    self._take(await anext(stream))
            except DeadlineExceeded:
                return
            except StopAsyncIteration:
                raise Unavailable("the node ended the watch") from None

    async def _first(self, stream: Stream) -> Update:
        """
        Return the first update, which a node that is there sends at once.
        """
        timers = self._plugin_context.timers
        try:
            update: Update = await with_deadline(
                stream.__anext__(), timers, timers.seconds() + CALL_S
            )
        except StopAsyncIteration:
            raise Unavailable("the node ended the watch at once") from None
        except DeadlineExceeded:
            raise DeadlineExceeded(f"no answer to a watch within {CALL_S:g}s") from None
        return update

    def _take(self, update: Update) -> None:
        epoch = self._view.epoch
        changed = self._view.apply(update)
        if self._view.holds and self._view.epoch != epoch:
            self._hold()
        if changed:
            self._notify_in_time()

    def _hold(self) -> None:
        if self._holding is not None and self._holding.active():
            self._holding.cancel()
        self._holding = self._plugin_context.clock.callLater(self._hold_s, self._release)

    def _release(self) -> None:
        if self._session.away:
            # It is not known now whether it is gone: no news means no change.
            self._hold()
        elif self._view.holds:
            self._view.release()
            self._notify_in_time()

    def _notify_in_time(self) -> None:
        if self._due is not None and self._due.active():
            return  # it will have this change too
        clock = self._plugin_context.clock
        wait_s = self._notified_at + self._min_interval_s - clock.seconds()
        if wait_s > 0:
            self._due = clock.callLater(wait_s, self._notify)
        else:
            self._notify()

    def _notify(self) -> None:
        if not self._open:
            return
        self._notified_at = self._plugin_context.clock.seconds()
        self._notifying = True
        try:
            self._listener(self._view.snapshot())
        except Exception:  # noqa: BLE001 - it breaks its contract; the watch goes on
            _log.failure("a listener of {service} raised", service=self._service)
        finally:
            self._notifying = False

    def _set_reason(self, reason: str) -> None:
        self._reason = reason

    def _fail(self, reason: str, *, refused: bool) -> None:
        if reason == self._reason:
            return
        self._reason = reason
        _log.warn(
            "the registry server refuses a watch on {service}, tried again: {reason}",
            service=self._service,
            reason=reason,
        )
        if refused:
            # Later: whoever watches may not have the watch in hand yet.
            self._plugin_context.clock.callLater(0, self._notify_refused)

    def _notify_refused(self) -> None:
        if self._open and self._reason:
            self._on_refused(self._reason)
