"""
How long a node is ejected: longer each time, and shorter again when it behaves well.
"""

from __future__ import annotations

from rpcfw.cluster.health.options import HealthOptions

__all__ = ["Ejections"]


class Ejections:
    """
    Of one node.

    The n-th takes n times the first, up to a limit. For each window that the node is not ejected
    the count falls by one (gRPC's proposal A50).

    Args:
        options: see `HealthOptions`.
    """

    __slots__ = ("_count", "_options", "_since", "until")

    def __init__(self, options: HealthOptions) -> None:
        #: When the last one ends.
        self.until = 0.0
        self._options = options
        self._count = 0
        #: From when the next good window counts.
        self._since = 0.0

    def use(self, options: HealthOptions) -> None:
        """
        Go by other options from now on; an ejection that lasts is as long as it was to be.
        """
        self._options = options

    def last(self, now: float) -> bool:
        """
        Whether the node is ejected now.
        """
        return now < self.until

    def eject(self, now: float) -> float:
        """
        Eject the node; return for how many seconds.
        """
        options = self._options
        self._count += 1
        seconds = min(self._count * options.ejection_time, options.max_ejection_time)
        self.until = self._since = now + seconds
        return seconds

    def end(self, now: float) -> None:
        """
        End an ejection that lasts.
        """
        self.until = self._since = min(self.until, now)

    def decay(self, now: float) -> None:
        """
        Let the count fall, if the node was not ejected for long enough.
        """
        if self._count and now - self._since >= self._options.window:
            self._count -= 1
            self._since = now
