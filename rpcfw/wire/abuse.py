"""
Guards against a peer that makes work without doing any.

Without a clock: what is suspicious is counted against what is useful, so a busy
peer is never mistaken for a hostile one and a slow attack buys little. What came
with one `receive` is one breath. After a pause of this process a breath may hold what
an honest peer did in seconds; so one that is over a limit is first given credit for
the time that was lost.
"""

from __future__ import annotations

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.machine import Limits

__all__ = ["AbuseDetector"]

#: What is free once in a breath.
_PING, _IDLE = 1, 2
#: So many frames that move no call are taken for each ping that is.
_IDLE_A_PING = 10
#: So many are forgiven for each call, and for each message.
_IDLE_A_CALL = 4


class AbuseDetector:
    """
    The counts of one connection.
    """

    __slots__ = (
        "_free",
        "_idle",
        "_idle_credit",
        "_max_credit",
        "_max_idle",
        "_max_pings",
        "_max_resets",
        "_ping_credit",
        "_pings",
        "_progress",
        "_reset_credit",
        "_resets",
        "_seen",
        "_seen_by_pings",
    )

    def __init__(self, limits: Limits) -> None:
        self._max_pings = limits.max_pings
        self._max_resets = limits.max_resets
        self._max_idle = _IDLE_A_PING * limits.max_pings
        self._max_credit = _IDLE_A_CALL * limits.max_calls
        self._ping_credit = limits.pauses.flood_credit(limits.max_pings)
        self._reset_credit = limits.pauses.flood_credit(limits.max_resets)
        self._idle_credit = limits.pauses.flood_credit(self._max_idle)
        #: What is free in this breath.
        self._free = 0
        self._pings = 0
        self._resets = 0
        #: Below zero: so many more are forgiven.
        self._idle = 0
        #: Grows with all that is of use, and what it was when it was last looked at.
        self._progress = 0
        self._seen = 0
        self._seen_by_pings = 0

    def new_batch(self) -> None:
        """
        Further bytes came.
        """
        self._free = _PING | _IDLE

    def served(self) -> None:
        """
        A call ran to its end, or a message was taken: the peer is of use.
        """
        self._progress += 1
        if self._resets:
            self._resets -= 1

    def pinged(self) -> None:
        """
        A ping came.

        The first in a breath is free: an idle connection is kept alive by pings and
        nothing else.

        Raises:
            RemoteProtocolError: too many more, with nothing useful between them.
        """
        if self._free & _PING:
            self._free ^= _PING
            return
        if self._seen_by_pings != self._progress:
            self._seen_by_pings = self._progress
            self._pings = 0
        if self._pings >= self._max_pings and self._ping_credit.pays_one():
            return
        self._pings += 1
        if self._pings > self._max_pings:
            raise RemoteProtocolError(
                f"{self._pings} pings too many and nothing else; max_pings is {self._max_pings}"
            )

    def idle(self, opened: int) -> None:
        """
        A frame came that moves no call, and that an honest peer sends seldom.

        The first in a breath is free: peers of a later version may send kinds of frames
        that are skipped here. Each call and message forgives some, since what one side
        sends of a call may cross its end.

        Args:
            opened: grows with the calls of the connection.

        Raises:
            RemoteProtocolError: too many more than calls and messages account for.
        """
        if self._free & _IDLE:
            self._free ^= _IDLE
            return
        useful = self._progress + opened
        forgiven = _IDLE_A_CALL * (useful - self._seen)
        self._seen = useful
        self._idle = max(self._idle - forgiven, -self._max_credit)
        if self._idle >= self._max_idle and self._idle_credit.pays_one():
            return
        self._idle += 1
        if self._idle > self._max_idle:
            raise RemoteProtocolError(
                f"{self._idle} frames too many that move no call; at most {self._max_idle} "
                f"are taken, {_IDLE_A_PING} for each of max_pings"
            )

    def rapid_reset(self) -> None:
        """
        A call was cancelled in the same breath as it was opened.

        Raises:
            RemoteProtocolError: too many such, against calls that were served.
        """
        if self._resets >= self._max_resets and self._reset_credit.pays_one():
            return
        self._resets += 1
        if self._resets > self._max_resets:
            raise RemoteProtocolError(
                f"{self._resets} calls opened and cancelled at once; "
                f"max_resets is {self._max_resets}"
            )
