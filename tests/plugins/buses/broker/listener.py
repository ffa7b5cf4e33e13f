"""
What a machine reports to, in tests.
"""

from __future__ import annotations

__all__ = ["Listener"]


class Listener:
    """
    Remembers what it was told.
    """

    def __init__(self, *subjects):
        self.subjects = list(subjects)
        self.received = []
        self.refusals = []
        self.skips = 0

    def deliver(self, subject, message):
        self.received.append((subject, message))

    def skipped(self):
        self.skips += 1

    def refused(self, text):
        self.refusals.append(text)
