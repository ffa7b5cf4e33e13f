"""
Lines of calls that succeeded in time, made in the reactor's thread.

Theory of operation. Nearly all lines are of such calls, and most of them differ in times and
sizes alone. So the line is made once as a template, for each method, caller and so on, and
filled in from then on. That costs less than to hand the facts over to another thread: under
the GIL the process pays for both, and facts that wait are in no cache any more.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from math import inf
from operator import itemgetter
from typing import Any

from rpcfw.app.access_log.lines import Lines
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.recent_calls import MAX_TEXT
from rpcfw.status import Status
from rpcfw.values.call import Call
from rpcfw.values.logged_call import CALLER, LoggedCall, logged_call
from rpcfw.values.phases import Phases

__all__ = ["SuccessLines"]

#: So many templates are remembered, and so many addresses of peers.
_MAX_REMEMBERED = 1024

#: The fields that are filled in, in the order of the arguments, and how.
_FILLED = {
    "time": "%b",
    "peer": "%b",
    "took_ms": "%.3f",
    "limit_ms": "%.3f",
    "request_bytes": "%d",
    "response_bytes": "%d",
    "trace_id": "%b",
    "span_id": "%b",
}
_QUOTED = ("time", "trace_id", "span_id")
_PLACES = {name: place for place, name in enumerate(_FILLED)}
#: The arguments of a call that is in no trace.
_UNTRACED = [*range(6)]


class SuccessLines:
    """
    Makes the lines of one side.

    Args:
        side: ``client`` or ``server``.
        lines: makes those of other calls. Nobody else may use it: it is not made for two threads.
        plugin_context: of the process.
    """

    def __init__(self, side: str, lines: Lines, plugin_context: PluginContext) -> None:
        self._side = side
        self._at_client = side == "client"
        self._lines = lines
        self._context = plugin_context
        self._offset_s, self._second, self._date = 0.0, -1, ""
        #: The time of day, until this time of the process's clock.
        self._time, self._until = b"", -inf
        #: Addresses of peers as they are written.
        self.peers: dict[str, bytes] = {}
        #: By what is written in them; with what chooses from the arguments.
        self.templates: dict[tuple[object, ...], tuple[bytes, Callable[[Any], Any] | None]] = {}

    def line(self, call: Call, began: float, ended_at: float, phases: Phases) -> bytes:
        """
        Return the line of a call, with its end.
        """
        if ended_at >= self._until:
            self._begin_millisecond(ended_at)
        peer, trace, limit_s = call.peer, call.trace, call.deadline - began
        if self._at_client:
            sent, received = phases.sent_bytes, phases.received_bytes
        else:
            received, sent = phases.sent_bytes, phases.received_bytes
        # Empty fields are left out of the template. Most calls have none.
        usual = trace is None and peer and sent and received and limit_s < inf
        empty = 0 if usual else _empty(trace is None, peer, sent, received, limit_s)
        key = (call.method, call.caller, call.identity.names, call.attempt, empty)
        found = self.templates.get(key)
        if found is None:
            times = began, ended_at
            logged = logged_call(call, self._side, times, Status.OK, phases)
            found = self._remember_template(key, logged)
        template, choose = found
        arguments: tuple[Any, ...] = (
            self._time,
            self.peers.get(peer) or self._remember_peer(peer),
            (ended_at - began) * 1000,
            limit_s * 1000,
            sent,
            received,
        )
        if trace is not None:
            arguments += (trace.trace_id.encode(), trace.span_id.encode())
        return template % (arguments if choose is None else choose(arguments))

    def _begin_millisecond(self, now: float) -> None:
        second = int(now + self._offset_s)
        if second != self._second:
            # The time of day may be set, so it is read again each second.
            context = self._context
            self._offset_s = context.time_of_day() - context.clock.seconds()
            second = self._second = int(now + self._offset_s)
            moment = datetime.fromtimestamp(second, timezone.utc)
            self._date = moment.strftime("%Y-%m-%dT%H:%M:%S")
        milliseconds = int((now + self._offset_s - second) * 1000)
        self._until = second + (milliseconds + 1) / 1000 - self._offset_s
        self._time = f"{self._date}.{milliseconds:03}Z".encode()

    def _remember_peer(self, peer: str) -> bytes:
        if len(self.peers) >= _MAX_REMEMBERED:
            self.peers.clear()
        value = self._lines.value(peer).encode("utf-8", "backslashreplace")
        self.peers[peer] = value
        return value

    def _remember_template(
        self, key: tuple[object, ...], call: LoggedCall
    ) -> tuple[bytes, Callable[[Any], Any] | None]:
        """
        Make the template of a call and of those like it.
        """
        lines = self._lines
        parts = lines.parts(call)
        written = [
            lines.pair(name, lines.quoted(_FILLED[name]) if name in _QUOTED else _FILLED[name])
            if name in _FILLED
            else part.replace("%", "%%")
            for name, part in parts.items()
        ]
        places = [_PLACES[name] for name in parts if name in _FILLED]
        template = lines.joined(written).encode("utf-8", "backslashreplace")
        found = template, _chooser(places)
        if len(self.templates) >= _MAX_REMEMBERED:
            self.templates.clear()
        if len(call[CALLER]) <= MAX_TEXT:  # else a peer chooses how much is remembered
            self.templates[key] = found
        return found


def _empty(untraced: bool, peer: str, sent: int, received: int, limit_s: float) -> int:
    """
    Return which of the fields that are filled in are empty, as a number that is not 0.
    """
    flags = (True, untraced, not peer, not sent, not received, limit_s == inf)
    return sum(1 << place for place, flag in enumerate(flags) if flag)


def _chooser(places: list[int]) -> Callable[[Any], Any] | None:
    """
    Return what chooses the arguments of a template; None if it has all of an untraced call.
    """
    if places == _UNTRACED:
        return None
    if not places:
        return lambda arguments: ()
    return itemgetter(*places)
