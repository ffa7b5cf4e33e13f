"""
Plugins, and what the process offers them.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import Factory, frozen

from rpcfw.spi.options import options
from rpcfw.spi.runtime.affinity import Affinity
from rpcfw.spi.runtime.clock import Clock, RandomSource, Threads
from rpcfw.spi.runtime.last_minute import LastMinute
from rpcfw.spi.runtime.load_reporter import LoadReporter
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.runtime.recent_calls import RecentCalls
from rpcfw.spi.runtime.timers import Timers

if TYPE_CHECKING:
    from rpcfw.spi.channel import OpenChannel
    from rpcfw.spi.network import ClientNetwork
    from rpcfw.values.call import Call

__all__ = ["NoOptions", "Plugin", "PluginContext", "title_of"]


@frozen(eq=False)
class PluginContext:
    """
    What the process offers to its plugins; each one gets it.

    Args:
        clock: monotonic time and delayed calls.
        timers: deadlines on that clock.
        pauses: times in which this process was paused, for code that measures peers by time.
        random: randomness.
        meter: makes metrics.
        threads: runs functions in other threads, or in the reactor's thread.
        application: name of this application.
        open_channel: ``open_channel(address, protocol)`` gives a channel to one
            address by protocol name, without a registry, router or balancer:
            for plugins that are users of an RPC service themselves. Further arguments
            say what TLS files to use, and whose credentials to send: see
            `rpcfw.spi.channel.OpenChannel`. The plugin closes it.
        network: connects to servers that speak no RPC.
        time_of_day: seconds since 1970, to show people and other machines. Time is
            measured with the clock.
        affinity: where its coroutines may be awaited.
        load: says how loaded this process is.
        recent_calls: calls of the last minutes that failed or were slow.
        last_minute: rates and percentiles of the last minute.
    """

    clock: Clock
    timers: Timers
    pauses: Pauses
    random: RandomSource
    meter: Meter
    threads: Threads
    application: str
    open_channel: OpenChannel
    network: ClientNetwork
    time_of_day: Callable[[], float]
    affinity: Affinity = Factory(Affinity)
    load: LoadReporter = Factory(LoadReporter)
    recent_calls: RecentCalls = Factory(
        lambda self: RecentCalls(self.clock.seconds, self.time_of_day), takes_self=True
    )
    last_minute: LastMinute = Factory(
        lambda self: LastMinute(self.meter, self.clock), takes_self=True
    )


@options
class NoOptions:
    """
    For a plugin without options.
    """


class Plugin(ABC):  # noqa: B024 - abstract through its seams
    """
    Anything that is chosen by a name in the INI.

    It is constructed before anything runs, and its constructor must not do I/O. `start` runs
    before the first use and `stop` after the last. Each is called at most once, `stop` only
    after `start`.

    Args:
        options: an instance of its `Options`.
        plugin_context: what it may use of the process.
    """

    #: A class made with `rpcfw.spi.options.options`.
    Options: ClassVar[type] = NoOptions

    #: The section of the INI that has its options, as ``router tag``; set once it is made.
    configured_as: str = ""

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        self.options = options
        self.plugin_context = plugin_context

    @classmethod
    def channel_protocols(cls, options: Any) -> tuple[str, ...]:
        """
        Return the names of the protocols that it opens channels with, for its options.

        The process loads them, also if its own ``protocols`` do not name them.
        """
        return ()

    def take_over(self, before: Any) -> None:  # noqa: B027 - most plugins have learned nothing
        """
        Take over what ``before`` has learned and what should outlast a change of options.

        For plugins whose options can be replaced while they run: filters, balancers, attempt
        strategies, breakers, routers and retry policies. Asked once, of the new instance, after
        its `start` and before its first call. Calls that began with ``before`` still go through
        it, so what both are to go on with is either shared or copied. ``before`` may not be
        changed: if another plugin fails to take over, this one is dropped and ``before`` stays
        in use.

        Args:
            before: an instance of the same class, with the options up to now.
        """

    def explain(self, call: Call) -> str:
        """
        Return what it would do with a call, in a line for ``rpcfw explain``.

        Empty: no more than its options say. It must change nothing: the call is not made.
        """
        return ""

    async def start(self) -> None:  # noqa: B027 - most plugins need none
        """
        Prepare for use. If this raises, the process does not start.
        """

    async def stop(self) -> None:  # noqa: B027 - likewise
        """
        Release everything. The process limits the time for this.
        """


def title_of(plugin: Plugin) -> str:
    """
    Return what to call a plugin in messages: its section in the INI, as ``[router tag]``.

    One that no INI chose is called by its class.
    """
    return f"[{plugin.configured_as}]" if plugin.configured_as else type(plugin).__name__
