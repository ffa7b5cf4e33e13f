"""
Detects peers that cause work and do none.

There are three ways: floods of pings, of frames that do nothing, and of calls that are
cancelled at once (as in HTTP/2's rapid reset, CVE-2023-44487).

There is no clock here. What is suspicious is counted against what is useful, so a busy peer
is never taken for a hostile one, and a slow attack gains little. The bytes of one `receive`
are a batch. After a pause of this process, a batch may contain what an honest peer did in many
seconds; so the limits are first extended by the time that was lost.
"""

from __future__ import annotations

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.machine import Limits

__all__ = ["FREE_IN_BATCH", "AbuseDetector"]

#: Flags: what is free once in a batch.
_PING, _IDLE = 1, 2
FREE_IN_BATCH = _PING | _IDLE
#: Frames that advance no call and are accepted, for each accepted ping.
_IDLE_A_PING = 10
#: Frames for which each call, and each message, compensates.
_IDLE_A_CALL = 4


class AbuseDetector:
    """
    The counts of one connection.
    """

    __slots__ = (
        "_idle",
        "_idle_credit",
        "_max_credit",
        "_max_idle",
        "_max_pings",
        "_max_resets",
        "_ping_credit",
        "_pings",
        "_reset_credit",
        "_resets",
        "_seen",
        "_seen_by_pings",
        "_seen_by_resets",
        "free",
        "progress",
    )

    def __init__(self, limits: Limits) -> None:
        self._max_pings = limits.max_pings
        self._max_resets = limits.max_resets
        self._max_idle = _IDLE_A_PING * limits.max_pings
        self._max_credit = _IDLE_A_CALL * limits.max_calls
        self._ping_credit = limits.pauses.flood_credit(limits.max_pings)
        self._reset_credit = limits.pauses.flood_credit(limits.max_resets)
        self._idle_credit = limits.pauses.flood_credit(self._max_idle)
        #: What is still free in this batch: `FREE_IN_BATCH` when further bytes arrive. Whoever
        #: reads them sets it, because a function would cost each read more.
        self.free = 0
        self._pings = 0
        self._resets = 0
        #: Frames that advanced no call. Below zero: calls and messages compensate for more.
        self._idle = 0
        #: Calls that were completed and messages that were accepted: the peer does useful work.
        #: Whoever knows of one adds it here, because a function would cost each call more.
        self.progress = 0
        # Its value when `idle`, `pinged` and `rapid_reset` last looked at it.
        self._seen = 0
        self._seen_by_pings = 0
        self._seen_by_resets = 0

    def pinged(self) -> None:
        """
        A ping arrived.

        The first one in a batch is free: an idle connection has nothing but keepalive pings.

        Raises:
            RemoteProtocolError: too many pings, with nothing useful between them.
        """
        if self.free & _PING:
            self.free ^= _PING
            return
        if self._seen_by_pings != self.progress:
            self._seen_by_pings = self.progress
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
        A frame arrived that advances no call, and that an honest peer sends rarely.

        The first one in a batch is free: peers of a later version may send kinds of frames that are
        skipped here. Each call and message compensates for some, since frames of a call may cross
        its end on the way.

        Args:
            opened: grows with the calls of the connection.

        Raises:
            RemoteProtocolError: too many, compared with the calls and messages.
        """
        if self.free & _IDLE:
            self.free ^= _IDLE
            return
        useful = self.progress + opened
        forgiven = _IDLE_A_CALL * (useful - self._seen)
        self._seen = useful
        self._idle = max(self._idle - forgiven, -self._max_credit)
        if self._idle >= self._max_idle and self._idle_credit.pays_one():
            return
        self._idle += 1
        if self._idle > self._max_idle:
            raise RemoteProtocolError(
                f"{self._idle} frames too many that advance no call; at most {self._max_idle} "
                f"are accepted, {_IDLE_A_PING} for each of max_pings"
            )

    def rapid_reset(self) -> None:
        """
        A call was cancelled in the same batch in which it was opened.

        Raises:
            RemoteProtocolError: too many of these, compared with the calls that were completed.
        """
        completed = self.progress - self._seen_by_resets
        self._seen_by_resets = self.progress
        self._resets = max(self._resets - completed, 0)
        if self._resets >= self._max_resets and self._reset_credit.pays_one():
            return
        self._resets += 1
        if self._resets > self._max_resets:
            raise RemoteProtocolError(
                f"{self._resets} calls opened and cancelled at once; "
                f"max_resets is {self._max_resets}"
            )
