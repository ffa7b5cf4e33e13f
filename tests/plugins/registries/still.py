"""
The contract's time on a Clock that only the test moves.
"""

from __future__ import annotations

from random import Random

from twisted.internet.task import Clock

from rpcfw.testing.plugin_context import plugin_context


class StillTime:
    """
    For a contract suite whose registries know no time but a Clock's.
    """

    def setUp(self):
        self.clock = Clock()
        self.random = Random(7)
        self.plugin_context = plugin_context(self.clock, self.random)
        self.prepare()
        return super().setUp()

    def prepare(self):
        """
        Make the place, before any registry of it is made.
        """

    async def pass_time(self, seconds):
        self.advance(seconds)

    def advance(self, seconds):
        """
        Let time pass in slices, so that what wakes in one acts in the next.
        """
        slices = max(1, round(seconds / 0.01))
        for _ in range(slices):
            self.clock.advance(seconds / slices)
