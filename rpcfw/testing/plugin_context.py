"""
A process for one plugin: what `PluginContext` needs, under a test's control.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock as StillClock

from rpcfw.spi.channel import Channel
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.clock import Clock, RandomSource
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.runtime.timers import Timers
from rpcfw.values.address import Address
from rpcfw.values.tls_files import TLSFiles

__all__ = ["InlineThreads", "plugin_context"]

T = TypeVar("T")


class InlineThreads:
    """
    The bridge to other threads where there are none: everything runs at once.
    """

    def call(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        return execute(function, *args)

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        function(*args)


def plugin_context(
    clock: Clock | None = None, random: RandomSource | None = None, **over: Any
) -> PluginContext:
    """
    Return a plugin context whose time stands still and whose random numbers are always the same.

    Args:
        clock: a `twisted.internet.task.Clock` that the test moves.
        random: a seeded `random.Random`.
        over: any field of `PluginContext` that the test has itself.
    """
    clock = StillClock() if clock is None else clock
    fields: dict[str, Any] = {
        "clock": clock,
        "timers": Timers(clock),
        "pauses": Pauses(),
        "random": Random(0) if random is None else random,  # noqa: S311 - the same each time
        "meter": Meter(),
        "threads": InlineThreads(),
        "application": "test",
        "open_channel": _no_channel,
        "network": _NoNetwork(),
        "time_of_day": clock.seconds,
    }
    return PluginContext(**{**fields, **over})


def _no_channel(
    address: Address, protocol: str, tls: TLSFiles | None = None, /, *, service: str = ""
) -> Channel:
    raise LookupError(f"this test has no {protocol} channel to {address}; hand in open_channel=...")


class _NoNetwork:
    """
    Connects to nothing.
    """

    def client(self, address: Address, timeout_s: float) -> Any:
        raise LookupError(f"this test has no network to reach {address}; hand in network=...")

    def client_tls(self, host: str) -> Any:
        raise LookupError(f"this test has no TLS for {host}; hand in network=...")

    def secured(self, files: TLSFiles) -> _NoNetwork:
        return self
