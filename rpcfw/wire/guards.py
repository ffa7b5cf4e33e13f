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
from rpcfw.spi.protocol import Limits

__all__ = ["Guards"]


class Guards:
    """
    The counts of one connection.
    """

    __slots__ = (
        "_max_pings",
        "_max_resets",
        "_ping_credit",
        "_pinged",
        "_pings",
        "_reset_credit",
        "_resets",
    )

    def __init__(self, limits: Limits) -> None:
        self._max_pings = limits.max_pings
        self._max_resets = limits.max_resets
        self._ping_credit = limits.pauses.flood_credit(limits.max_pings)
        self._reset_credit = limits.pauses.flood_credit(limits.max_resets)
        self._pinged = False
        self._pings = 0
        self._resets = 0

    def breath(self) -> None:
        """
        Further bytes came.
        """
        self._pinged = False

    def served(self) -> None:
        """
        A call ran to its end, or a message was taken: the peer is of use.
        """
        self._pings = 0
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
        if not self._pinged:
            self._pinged = True
            return
        if self._pings >= self._max_pings and self._ping_credit.pays_one():
            return
        self._pings += 1
        if self._pings > self._max_pings:
            raise RemoteProtocolError(
                f"{self._pings} pings too many and nothing else; max_pings is {self._max_pings}"
            )

    def reset_at_once(self) -> None:
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
