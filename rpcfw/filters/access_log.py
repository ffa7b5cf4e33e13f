"""
Hands each call that has ended to the access log, and tells of calls that were slow.

Theory of operation. While this filter is in a stack, calls have `Phases`, to which the code that
the call passes adds. When the call has ended, it goes to the writer, which writes in another
thread. A server's response is encoded behind all filters, so there a call that succeeds is handed
over by `succeeded`, which is called once its response is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Protocol

from attrs import frozen

from rpcfw.errors import CallError
from rpcfw.filters.call_status import status_of
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.runtime.recent_calls import message_of
from rpcfw.status import Hint, Status
from rpcfw.values.call import Call
from rpcfw.values.logged_call import LoggedCall, logged_call
from rpcfw.values.phases import Phases

__all__ = ["AccessLog", "AccessLogs", "ClientAccessLog", "ServerAccessLog", "Wanted"]


#: Bound once, because a member of an enum is looked up.
_OK = Status.OK


@frozen
class Wanted:
    """
    Which calls get a line.

    Args:
        share: of all calls.
        statuses: calls that end so get one in any case.
        slow: so do slow calls.
    """

    share: float = 1.0
    statuses: frozenset[Status] = frozenset()
    slow: bool = True


class Writer(Protocol):
    """
    Writes the access log, from the start of a process to its stop.
    """

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def put(self, call: LoggedCall) -> None:
        """
        Have a call written.
        """

    def successes(self, side: str) -> Callable[[Call, float, float, Phases], None]:
        """
        Return what does that for less, with a call that succeeded in time.

        It is called with the call, when it began and ended, and its phases.
        """

    def reopen(self) -> None:
        """
        Open the file again: it may have been renamed.
        """


class AccessLog(Filter):
    """
    The filter of one side.

    Args:
        plugin_context: of the process.
        wanted: which calls get a line.
        writer: writes the log; None: there is none.
        tell_slow: called with each slow call; None: nobody wants to know.
    """

    side: ClassVar[str]
    waits = False

    def __init__(
        self,
        plugin_context: PluginContext,
        wanted: Wanted,
        writer: Writer | None,
        tell_slow: Callable[[LoggedCall], None] | None = None,
    ) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._wanted = wanted
        self._write = None if writer is None else writer.put
        self._write_success = None if writer is None else writer.successes(self.side)
        self._tell_slow = tell_slow
        self._recent = plugin_context.recent_calls
        self._slowness = self._recent.slowness
        self._min_slow_s = self._slowness.min_s
        self._seconds = plugin_context.clock.seconds
        self._all = wanted.share >= 1
        #: The same, if all calls get a line.
        self._write_usual = self._write_success if self._all else None

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def ended(
        self,
        call: Call,
        status: Status,
        began: float,
        error: BaseException | None = None,
        *,
        kept: bool = True,
    ) -> None:
        """
        Note that a call has ended.

        Args:
            kept: if it failed or was slow, it is among the recent calls.
        """
        now = self._seconds()
        took_s, phases = now - began, call.phases
        slow = took_s >= self._slowness.min_s and self._is_slow(call, took_s, began)
        if phases is None:  # a filter has taken it away
            phases = Phases(began)
        phases.logged = True
        phases.end(now)
        wanted = self._write is not None and (self._all or self._is_wanted(status, slow))
        if not wanted and not (slow and self._tell_slow is not None):
            return
        usual = status is _OK and not slow
        if usual and phases.messages is None:
            if self._write_success is not None:
                self._write_success(call, began, now, phases)
            return
        if kept and not usual:
            self._number(call, phases, slow, took_s)
        # Nothing is computed: that is done by the thread that writes it.
        logged = logged_call(
            call,
            self.side,
            (began, now),
            status,
            phases,
            slow=slow,
            message="" if error is None else message_of(error),
            hints=error.hints if isinstance(error, CallError) else Hint.NONE,
        )
        if wanted and self._write is not None:
            self._write(logged)
        if slow and self._tell_slow is not None:
            self._tell_slow(logged)

    def _is_slow(self, call: Call, took_s: float, began: float) -> bool:
        return call.method.unary and self._slowness.reached(took_s, call.deadline - began)

    def _is_wanted(self, status: Status, slow: bool) -> bool:
        wanted = self._wanted
        if status in wanted.statuses or (slow and wanted.slow):
            return True
        return self.plugin_context.random.random() < wanted.share

    def _number(self, call: Call, phases: Phases, slow: bool, took_s: float) -> None:
        """
        Give a call the number that it has among the recent calls.
        """
        if not phases.number:
            phases.number = self._recent.next_number()

    def _status_of(self, call: Call, error: BaseException) -> Status:
        return status_of(call, error, self._seconds())


class ClientAccessLog(AccessLog):
    """
    For the client's call stack.
    """

    side = "client"
    waits = False

    def bind(self, proceed: CallStep) -> CallStep:
        seconds, ended, min_slow_s = self._seconds, self.ended, self._min_slow_s
        write_success = self._write_usual

        async def step(call: Call) -> Any:
            began = seconds()
            phases = call.phases
            if phases is None:
                phases = call.phases = Phases(began)
            try:
                response = await proceed(call)
            except BaseException as error:
                ended(call, self._status_of(call, error), began, error)
                raise
            if call.method.server_streams:
                call.on_end(lambda status: ended(call, status, began))
                return response
            now = seconds()
            if write_success is None or now - began >= min_slow_s or phases.messages is not None:
                ended(call, _OK, began)
            else:  # most calls
                write_success(call, began, now, phases)
            return response

        return step


class ServerAccessLog(AccessLog):
    """
    For the server's stack. The phases begin when the request arrives.
    """

    side = "server"

    def bind(self, proceed: CallStep) -> CallStep:
        seconds, ended = self._seconds, self.ended

        async def step(call: Call) -> Any:
            began = seconds()
            phases = call.phases
            if phases is None:
                phases = call.phases = Phases(began)
            phases.queue += began - phases.began
            phases.at = began
            try:
                response = await proceed(call)
            except BaseException as error:
                self._leave(phases)
                if not phases.logged:  # else its peer was answered before, by a stop
                    ended(call, self._status_of(call, error), phases.began, error)
                raise
            if call.method.server_streams:
                self._leave(phases)
                if phases.messages is not None:
                    phases.messages.began = seconds()
                call.on_end(partial(self._stream_ended, call, phases))
                return response
            if phases.in_method:  # `_leave`, written out to save a call
                phases.method += seconds() - phases.at - phases.in_queue
            if call.cancelled and not phases.logged:  # its deadline is over, or its peer is gone
                ended(call, call.status_if_cancelled(seconds()), phases.began)
            return response

        return step

    def _stream_ended(self, call: Call, phases: Phases, status: Status) -> None:
        if not phases.logged:  # else it has failed, and its error is logged
            self.ended(call, status, phases.began)

    def _leave(self, phases: Phases) -> None:
        if phases.in_method:
            phases.method += self._seconds() - phases.at - phases.in_queue

    def succeeded(self, call: Call, phases: Phases, now: float) -> None:
        """
        Note that the response of a call is sent.
        """
        phases.logged = True
        write, began = self._write_usual, phases.began
        if phases.messages is not None:
            phases.messages.sent = 1
            self.ended(call, _OK, began)
        elif write is None or now - began >= self._min_slow_s:
            self.ended(call, _OK, began)
        else:  # most calls
            write(call, began, now, phases)

    def failed(self, call: Call, error: BaseException) -> None:
        """
        Note that the error of a call is sent.
        """
        phases = call.phases
        if phases is not None and not phases.logged:
            self.ended(call, self._status_of(call, error), phases.began, error)

    def refused(self, call: Call, error: BaseException) -> None:
        """
        Note a request that has not become a call, since nobody serves it, or it cannot be read.

        It is not among the recent calls: there it could displace those of methods that exist.
        """
        if call.phases is not None:
            status = self._status_of(call, error)
            self.ended(call, status, call.phases.began, error, kept=False)

    def _number(self, call: Call, phases: Phases, slow: bool, took_s: float) -> None:
        if phases.number:
            return
        if slow and phases.encoded:
            # It was not slow when its method had ended, but is with what followed.
            self._recent.succeeded(self.side, call, took_s)
        super()._number(call, phases, slow, took_s)


@frozen(eq=False)
class AccessLogs:
    """
    Those of a process.

    Args:
        client: logs the calls that it makes; None: they are not logged.
        server: likewise those that it serves.
        writer: writes the log; None: there is no file.
    """

    client: ClientAccessLog | None = None
    server: ServerAccessLog | None = None
    writer: Writer | None = None
