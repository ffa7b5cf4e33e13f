"""
One service that is watched at a registry server: its list, and who gets it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Watch
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw_registries.remote.subscribers import Subscribers
from rpcfw_registries.standalone.updates import Update, Wanted
from rpcfw_registries.standalone.view import View

__all__ = ["WatchedService"]

_log = Logger()
_MAX_REASON_CHARS = 300


class WatchedService:
    """
    All watches of one service.

    Args:
        hold_s: how long to keep instances that a server of another epoch does not know
            (yet).
        min_interval_s: the shortest time between two lists that the listeners get. A list may
            be long, and its server send changes as fast as it likes.
        emptied: called with the service when the last watch of it was closed.
        trouble: why no list can be had of any service; empty if it can.
        away: whether no server is reached.
    """

    def __init__(
        self,
        service: str,
        hold_s: float,
        min_interval_s: float,
        emptied: Callable[[str], None],
        trouble: Callable[[], str],
        away: Callable[[], bool],
        plugin_context: PluginContext,
    ) -> None:
        self.service = service
        self._hold_s = hold_s
        self._min_interval_s = min_interval_s
        self._away = away
        self._clock = plugin_context.clock
        self._notified_at = -min_interval_s
        #: The next list, if the listeners have to wait for it.
        self._due: DelayedCall | None = None
        self._holding: DelayedCall | None = None
        self._view = View(service, LimitedLog(_log, plugin_context.clock.seconds))
        self._subscribers = Subscribers(
            service, plugin_context.clock, lambda: emptied(service), trouble
        )
        #: A server was asked, and has not answered yet.
        self.is_asked = False
        #: It is to be sent the hashes of all records; it was sent them.
        self._compare = self._compared = False

    def add(self, listener: Listener, on_refused: OnRefused) -> Watch:
        """
        Add a listener.
        """
        return self._subscribers.add(listener, on_refused)

    def wanted(self) -> Wanted:
        """
        Return what to ask a server for.
        """
        self._compared, self._compare = self._compare, False
        self.is_asked = True
        return self._view.wanted(with_records=self._compared)

    def take(self, update: Update) -> bool:
        """
        Take an update, and return whether it could be used. If not, the server is to be asked.
        """
        if update.compare and not self._compared:
            self._compare = True
            self.is_asked = False
            return False
        if update.compare or not self._view.fits(update):
            return False
        self.is_asked = False
        self._subscribers.succeed()
        epoch = self._view.epoch
        changed = self._view.apply(update)
        if self._view.holds and self._view.epoch != epoch:
            self._hold()
        if changed:
            self._notify_in_time()
        return True

    def fail(self, reason: str, *, refused: bool) -> None:
        """
        Learn that a server does not send the list.

        Args:
            refused: it stays so until a person changes something.
        """
        self._subscribers.fail(reason[:_MAX_REASON_CHARS], refused=refused)

    def close(self) -> None:
        """
        Call no listener any more.
        """
        for timer in (self._holding, self._due):
            if timer is not None and timer.active():
                timer.cancel()
        self._subscribers.close()

    def _hold(self) -> None:
        if self._holding is not None and self._holding.active():
            self._holding.cancel()
        self._holding = self._clock.callLater(self._hold_s, self._release)

    def _release(self) -> None:
        if self._away():
            # It is not known now whether it is gone: no news means no change.
            self._hold()
        elif self._view.holds:
            self._view.release()
            self._notify_in_time()

    def _notify_in_time(self) -> None:
        if self._due is not None and self._due.active():
            return  # it will have this change too
        wait_s = self._notified_at + self._min_interval_s - self._clock.seconds()
        if wait_s > 0:
            self._due = self._clock.callLater(wait_s, self._notify)
        else:
            self._notify()

    def _notify(self) -> None:
        self._notified_at = self._clock.seconds()
        self._subscribers.notify(self._view.instances())
