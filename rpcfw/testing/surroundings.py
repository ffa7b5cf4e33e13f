"""
A process for one plugin: what `Surroundings` needs, under a test's control.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock as StillClock

from rpcfw.spi.channel import Channel
from rpcfw.spi.plugin import Surroundings
from rpcfw.spi.runtime.clock import Chance, Clock
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.runtime.timers import Timers
from rpcfw.values.address import Address
from rpcfw.values.tls_files import TLSFiles

__all__ = ["InlineThreads", "surroundings"]

T = TypeVar("T")


class InlineThreads:
    """
    The bridge to other threads where there are none: everything runs at once.
    """

    def call(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        return execute(function, *args)

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        function(*args)


def surroundings(
    clock: Clock | None = None, chance: Chance | None = None, **over: Any
) -> Surroundings:
    """
    Return surroundings whose time stands still and whose chance is the same each time.

    Args:
        clock: a `twisted.internet.task.Clock` that the test moves.
        chance: a seeded `random.Random`.
        over: any field of `Surroundings` that the test has itself.
    """
    clock = StillClock() if clock is None else clock
    fields: dict[str, Any] = {
        "clock": clock,
        "timers": Timers(clock),
        "pauses": Pauses(),
        "chance": Random(0) if chance is None else chance,  # noqa: S311 - the same each time
        "meter": Meter(),
        "threads": InlineThreads(),
        "application": "test",
        "open_channel": _no_channel,
        "time_of_day": clock.seconds,
    }
    return Surroundings(**{**fields, **over})


def _no_channel(address: Address, protocol: str, tls: TLSFiles | None = None) -> Channel:
    raise LookupError(
        f"this test has no {protocol} channel to {address}; hand in surroundings(open_channel=...)"
    )
