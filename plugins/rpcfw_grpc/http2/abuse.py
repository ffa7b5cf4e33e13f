"""
When a peer counts as hostile, told without a clock.

Theory of operation. Frames that move no call cost the peer little and us some
work: what is counted is how many of them come between two that do. Calls that are
begun and cancelled are weighed against those that were let run to their end: each
of these forgives a share of a cancelled one.

Two scores are kept of cancelled calls. One that came and was cancelled within the
same bytes was hardly meant to run ("rapid reset"): these are held against
``max_resets``. Others may well be honest, as when this process hangs and all its
callers' time runs out at once, so ``max_calls`` of them are borne: that is how many
one peer could have open. A stream that *we* had to reset for a fault of the peer's
counts as if the peer had done it.

After a pause of this process one read may hold what an honest peer did in seconds. So
before a score counts as hostile, the peer is given credit for the time that was lost.

What needs a clock is left to the driver: see ``Machine.ping``, ``PingReceived`` and
the module ``protocol``.
"""

from __future__ import annotations

from enum import IntEnum

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2.frames import ErrorCode

__all__ = ["Guards", "Idle"]


class Idle(IntEnum):
    """
    Frames that move no call.
    """

    PING = 0
    SETTINGS = 1
    EMPTY = 2
    OTHER = 3


_TEXTS = {
    # This word, exactly, tells a gRPC client to send its keepalive less often.
    Idle.PING: "too_many_pings",
    Idle.SETTINGS: "too many SETTINGS frames",
    Idle.EMPTY: "too many empty frames",
    Idle.OTHER: "too many frames that move no call",
}


#: So many streams that wait cost, when the window is raised, as much as one SETTINGS frame.
_STREAMS_AT_ONCE = 100
#: So many bytes sent forgive one.
_FORGIVING_BYTES = 64 << 10


class Guards:
    """
    The scores of one peer.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        most = limits.max_pings
        self._most = {Idle.PING: most, Idle.SETTINGS: most, Idle.EMPTY: most, Idle.OTHER: 10 * most}
        self._counts = [0] * len(Idle)
        self._progress = -1
        self._before = 0
        self._pinged = False
        self._finished = 0
        self._rapid = 0.0
        self._cancelled = 0.0
        self._ping_credit = limits.pauses.flood_credit(most)
        self._reset_credit = limits.pauses.flood_credit(limits.max_resets)
        # Of raised windows: the score, and what was sent when it was kept last.
        self._raises = 0.0
        self._finished_at_raise = 0
        self._sent_at_raise = 0

    def turn(self, last_id: int) -> None:
        """
        Begin to read some bytes; the last call begun before them is given.
        """
        self._before = last_id
        self._pinged = False

    def idle(self, kind: Idle, progress: int) -> None:
        """
        Count a frame that moved nothing.

        The first ping that comes with some bytes is free: an idle connection is kept
        alive by pings and nothing else.

        Args:
            progress: grows with all that does move a call.

        Raises:
            RemoteProtocolError: it was one too many.
        """
        if progress != self._progress:
            self._progress = progress
            self._counts = [0] * len(Idle)
        if kind is Idle.PING and not self._pinged:
            self._pinged = True
            return
        if self._counts[kind] >= self._most[kind] and self._ping_credit.pays_one():
            return
        self._counts[kind] += 1
        if self._counts[kind] > self._most[kind]:
            raise RemoteProtocolError(_TEXTS[kind], ErrorCode.ENHANCE_YOUR_CALM)

    def cancelled(self, call_id: int, finished: int) -> None:
        """
        Count a call that the peer gave up, or made us give up.

        Args:
            finished: how many calls ran to their end, ever.

        Raises:
            RemoteProtocolError: it was one too many.
        """
        limits = self._limits
        forgiven = (finished - self._finished) * limits.max_resets / 100
        self._finished = finished
        self._cancelled = max(self._cancelled - forgiven, 0.0) + 1
        self._rapid = max(self._rapid - forgiven, 0.0)
        if call_id > self._before:
            self._rapid += 1
        if self._rapid > limits.max_resets and self._reset_credit.pays_one():
            self._rapid -= 1
        if self._rapid > limits.max_resets or self._cancelled > limits.max_calls:
            raise RemoteProtocolError(
                f"too many calls begun and cancelled; max_resets = {limits.max_resets}",
                ErrorCode.ENHANCE_YOUR_CALM,
            )

    def window_raised(self, blocked: int, finished: int, sent_bytes: int) -> None:
        """
        Count a SETTINGS frame that gives all streams more room at once.

        It makes us look at every stream that waits for room, and may give each a byte.
        Only calls that end, and bytes that leave in good number, forgive it.

        Args:
            blocked: how many streams wait.
            finished: how many calls ran to their end, ever.
            sent_bytes: how many bytes left, ever.

        Raises:
            RemoteProtocolError: it was one too many.
        """
        forgiven = finished - self._finished_at_raise
        forgiven += (sent_bytes - self._sent_at_raise) // _FORGIVING_BYTES
        self._finished_at_raise, self._sent_at_raise = finished, sent_bytes
        most = self._most[Idle.SETTINGS]
        cost = 1 + min(blocked / _STREAMS_AT_ONCE, most / 2)
        self._raises = max(self._raises - forgiven, 0.0) + cost
        if self._raises > most:
            raise RemoteProtocolError(
                "too many changes of INITIAL_WINDOW_SIZE", ErrorCode.ENHANCE_YOUR_CALM
            )
