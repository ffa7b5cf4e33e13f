"""
A limiter: so many calls in each window of time.
"""

from __future__ import annotations

from rpcfw.spi.limiter import Limit, Limiter, LimiterOptions
from rpcfw.spi.options import option, options


class Quota(Limiter):
    @options
    class Options(LimiterOptions):
        calls: int = option("100", "calls that may begin in a minute")

    def limit(self):
        return _Minute(self.options, self.seconds)


class _Minute(Limit):
    def __init__(self, options, seconds):
        super().__init__(options)
        self.seconds, self.ends_at, self.used = seconds, 0, 0

    def enter(self):
        if self.idle:
            self.ends_at, self.used = self.seconds() + 60, 0
        if self.used >= self.options.calls:
            return self.ends_at - self.seconds()
        self.used += 1
        return None

    @property
    def idle(self):
        return self.seconds() >= self.ends_at

    def __str__(self):
        return f"{0 if self.idle else self.used} of {self.options.calls} calls of this minute"
