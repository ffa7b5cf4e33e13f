"""
One address that is probed, and what its probes have shown so far.
"""

from __future__ import annotations

from rpcfw.cluster.probing.options import ProbeOptions
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.values.address import Address

__all__ = ["Target"]


class Target:
    """
    An address, where the instances of several services may be.

    One probe shows little: a packet is lost, a process collects its garbage. Whether it is
    reached is decided by several in a row.

    Args:
        address: where it is.
        protocol: that it is probed with.
    """

    __slots__ = ("_row", "address", "answered", "protocol", "reached", "reason", "timer")

    def __init__(self, address: Address, protocol: str) -> None:
        self.address = address
        self.protocol = protocol
        #: Whether it is reached; None: that is not decided yet.
        self.reached: bool | None = None
        #: Why the last probe failed.
        self.reason = ""
        #: When it is probed next.
        self.timer: DelayedCall | None = None
        #: Whether the last probe was answered.
        self.answered = False
        #: How many probes in a row have had the same result.
        self._row = 0

    @property
    def probed(self) -> bool:
        """
        Whether a probe has ended.
        """
        return self._row > 0

    @property
    def in_doubt(self) -> bool:
        """
        Whether the last probe contradicts what is decided.
        """
        return self.reached is not self.answered

    def note(self, reason: str, options: ProbeOptions) -> bool:
        """
        Take the result of a probe; return whether the address is another one now: reached or not.

        Args:
            reason: why it failed; empty if it did not.
        """
        answered = not reason
        self._row = self._row + 1 if answered is self.answered else 1
        self.answered = answered
        if reason:
            self.reason = reason
        first_answer = self.reached is None and answered
        enough = 1 if first_answer else options.successes if answered else options.failures
        if not self.in_doubt or self._row < enough:
            return False
        self.reached = answered
        return True
