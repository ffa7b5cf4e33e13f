"""
The instances of one service in etcd, watched for any number of listeners.

Theory of operation. First the list is read, in pages, all at one revision R. Then a
watch from R + 1 receives every change, and each change moves R. If the watch ends, the
next begins at R + 1, at any member: etcd keeps its history, so nothing is lost and the
list is not read again. It is read again if the history is not there any more (it was
compacted, or the data was lost), if the missed changes are too much for one message, or
if the self-check finds another number of keys at R than ours.

A watch cannot tell a member that hangs from one without changes. The heartbeat and
other calls on the same channel notice a member that hangs, and close the channel, which
ends the watch. With ``hasleader`` a member without a leader ends the watch itself.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.errors import CallError, DeadlineExceeded, PermissionDenied, Unavailable
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Watch
from rpcfw.spi.runtime.background import in_background, loop_in_background
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import as_coroutine, sleep, with_deadline
from rpcfw.status import Status
from rpcfw_registries.etcd.listing import Listing, end_of
from rpcfw_registries.etcd.member import Changes, Member
from rpcfw_registries.etcd.messages import message
from rpcfw_registries.etcd.session import FINAL, EtcdSession, explained
from rpcfw_registries.etcd.view import MAX_KEYS, View
from rpcfw_registries.layouts.layout import Layout
from rpcfw_registries.remote.subscribers import Subscribers

__all__ = ["Watcher"]

#: How long one watch lasts before the next resumes where it ended. Half of it is
#: random, so that a fleet does not come back at once.
_STREAM_S = 3600.0
#: The pause after a refusal by a member that is there.
_REFUSED_S = 2.0
#: Least time between the beginnings of two readings of the whole list.
_RELOAD_S = 1.0

_log = Logger()


class _Outdated(Exception):
    """
    The watch cannot go on from what is known; the list must be read again.
    """


class Watcher:
    """
    The list of one service, kept up to date while anybody listens.

    Args:
        layout: says where the instances are, and reads them.
        merge_s: least time between two calls of the listeners.
    """

    def __init__(
        self,
        service: str,
        layout: Layout,
        session: EtcdSession,
        merge_s: float,
        plugin_context: PluginContext,
    ) -> None:
        self._service = service
        self._layout = layout
        self._prefix = f"{layout.folder(service)}/".encode()
        self._session = session
        self._merge_s = merge_s
        self._clock = plugin_context.clock
        self._random = plugin_context.random
        self._timers = plugin_context.timers
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=1)
        self._subscribers = Subscribers(
            service, plugin_context.clock, self._stop, lambda: session.trouble
        )
        self._listing = Listing(session, self._prefix, keys_only=not layout.reads_data)
        self._view = self._new_view()
        self._read_at = -_RELOAD_S
        self._changes: Changes | None = None
        self._partial = False
        self._mismatch = False
        self._notified_at = -merge_s
        self._notifying: DelayedCall | None = None
        self._loop: Deferred[None] | None = None

    def subscribe(self, listener: Listener, on_refused: OnRefused) -> Watch:
        """
        Call ``listener`` with the list, once it is known and after each change.
        """
        watch = self._subscribers.add(listener, on_refused)
        if self._loop is None:
            what = f"watching {self._service} in etcd"
            self._loop = loop_in_background(self._run, what, self._clock, self._failed_by_bug)
        return watch

    def close(self) -> None:
        """
        Call no listener any more.
        """
        self._subscribers.close()
        self._stop()

    def check(self) -> None:
        """
        Check whether a change was missed, which costs one small response.
        """
        changes, revision = self._changes, self._view.revision
        if changes is not None and revision is not None and not self._partial:
            in_background(
                self._check(changes, revision, len(self._view)), f"checking {self._service} in etcd"
            )

    async def _check(self, changes: Changes, revision: int, known: int) -> None:
        try:
            if known == await self._listing.count(revision):
                return
        except CallError as error:
            # That is a revision which was compacted, or is in the future: etcd lost data.
            if error.status is not Status.OUT_OF_RANGE:
                return
        if changes is self._changes:
            self._mismatch = True
            changes.cancel()

    def _stop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.cancel()
        if self._notifying is not None and self._notifying.active():
            self._notifying.cancel()
        self._notifying = self._changes = None
        self._view = self._new_view()
        self._read_at = -_RELOAD_S
        self._subscribers.forget()

    def _new_view(self) -> View:
        return View(self._service, self._prefix, self._layout, self._log)

    # The loop.

    async def _run(self) -> None:
        while True:
            member = await self._session.open()
            try:
                if self._view.revision is None:
                    await self._read()
                await self._watch(member)
            except _Outdated as reason:
                self._read_again(str(reason))
            except CallError as error:
                await self._failed(member, error)

    def _failed_by_bug(self, reason: str) -> None:
        self._view.revision = None  # what has come may be taken in part
        self._subscribers.fail(reason, refused=False)

    def _read_again(self, why: str) -> None:
        _log.info(
            "the instances of {service} are read from etcd again: {why}",
            service=self._service,
            why=why,
        )
        self._view.revision = None

    async def _failed(self, member: Member, error: CallError) -> None:
        if self._mismatch:
            self._mismatch = False
            self._read_again("what is known is not what there was")
        elif error.status is Status.OUT_OF_RANGE:
            self._read_again("it was compacted while it was read")
        elif not self._session.failed(member, error):
            reason = f"the instances of {self._service} cannot be read: {explained(error)}"
            self._subscribers.fail(reason, refused=error.status in FINAL)
            self._warn(reason)
            await sleep(self._clock, _REFUSED_S * (0.8 + 0.4 * self._random.random()))

    async def _read(self) -> None:
        """
        Read the list, all of it as it was at one revision.
        """
        wait_s = self._read_at + _RELOAD_S - self._clock.seconds()
        if wait_s > 0:
            await sleep(self._clock, wait_s)
        self._read_at = self._clock.seconds()
        view = self._new_view()
        view.revision = await self._listing.read(view.put, MAX_KEYS)
        self._view, self._partial = view, False
        self._notify_soon()

    # Watching.

    async def _watch(self, member: Member) -> None:
        """
        Take changes until the watch ends.

        Raises:
            CallError: it ended for another reason than its age.
            _Outdated: it cannot go on from what is known.
        """
        session = self._session
        sent = await session.metadata(member, self._clock.seconds() + session.timeout_s)
        lasts_s = _STREAM_S * (0.5 + 0.5 * self._random.random())
        changes = member.watch(self._request(), lasts_s, {"hasleader": "true", **sent})
        try:
            await self._take_all(changes, member)
        except DeadlineExceeded:
            return
        except CallError as error:
            if error.status is Status.RESOURCE_EXHAUSTED:
                raise _Outdated("what has changed is too much for one message") from None
            if error.status not in FINAL or not await self._has_new_token(member, sent):
                raise
        finally:
            self._changes = None
            changes.cancel()

    async def _take_all(self, changes: Changes, member: Member) -> None:
        await self._begin(changes)
        self._session.answered(member)
        self._subscribers.succeed()
        self._changes = changes
        self.check()
        try:
            while True:
                self._take(await anext(changes))
        except StopAsyncIteration:
            raise Unavailable("the member ended the watch") from None

    async def _begin(self, changes: Changes) -> None:
        """
        Take the first answer, by which a member that is there acknowledges at once.
        """
        limit_s = self._session.timeout_s
        first = as_coroutine(anext(changes))
        try:
            self._take(await with_deadline(first, self._timers, self._clock.seconds() + limit_s))
        except StopAsyncIteration:
            raise Unavailable("the member ended the watch at once") from None
        except DeadlineExceeded:
            raise Unavailable(f"no answer to a watch within {limit_s:g} s") from None

    def _request(self) -> Any:
        assert self._view.revision is not None
        create = message(
            "WatchCreateRequest",
            key=self._prefix,
            range_end=end_of(self._prefix),
            start_revision=self._view.revision + 1,
            fragment=True,
        )
        return message("WatchRequest", create_request=create)

    def _take(self, response: Any) -> None:
        if response.canceled:
            if response.compact_revision:
                raise _Outdated(f"etcd's history begins at {response.compact_revision} now")
            raise PermissionDenied(response.cancel_reason or "the watch was cancelled")
        if not response.events:
            return
        self._partial = response.fragment
        for event in response.events:
            self._view.apply(event)
        if not response.fragment:
            # Not the header's: it may be ahead of the received events.
            self._view.revision = response.events[-1].kv.mod_revision
            self._notify_soon()

    async def _has_new_token(self, member: Member, sent: dict[str, str]) -> bool:
        """
        Say whether a watch was refused for its token alone, and get another.

        A watch does not say why it is refused; so something else is asked.
        """
        await self._listing.count()
        until = self._clock.seconds() + self._session.timeout_s
        return sent != await self._session.metadata(member, until)

    # Notifying.

    def _notify_soon(self) -> None:
        if self._notifying is None:
            wait_s = max(0.0, self._notified_at + self._merge_s - self._clock.seconds())
            self._notifying = self._clock.callLater(wait_s, self._notify)

    def _notify(self) -> None:
        self._notifying = None
        self._notified_at = self._clock.seconds()
        self._subscribers.notify(self._view.instances())

    def _warn(self, what: str) -> None:
        self._log.warn_of(what, "{what}", what=what)
