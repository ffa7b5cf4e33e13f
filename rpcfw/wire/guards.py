"""
Guards against a peer that makes work without doing any.

Without a clock: what is suspicious is counted against what is useful, so a busy
peer is never mistaken for a hostile one and a slow attack buys little.
"""

from __future__ import annotations

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.protocol import Limits

__all__ = ["Guards"]


class Guards:
    """
    The counts of one connection.
    """

    __slots__ = ("_max_pings", "_max_resets", "_pings", "_resets")

    def __init__(self, limits: Limits) -> None:
        self._max_pings = limits.max_pings
        self._max_resets = limits.max_resets
        self._pings = 0
        self._resets = 0

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

        Raises:
            RemoteProtocolError: too many with nothing between them.
        """
        self._pings += 1
        if self._pings > self._max_pings:
            raise RemoteProtocolError(
                f"{self._pings} pings and nothing else; max_pings is {self._max_pings}"
            )

    def reset_at_once(self) -> None:
        """
        A call was cancelled in the same breath as it was opened.

        Raises:
            RemoteProtocolError: too many such, against calls that were served.
        """
        self._resets += 1
        if self._resets > self._max_resets:
            raise RemoteProtocolError(
                f"{self._resets} calls opened and cancelled at once; "
                f"max_resets is {self._max_resets}"
            )
