"""
What is known of the health of one node.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.cluster.health.availability import Availability
from rpcfw.cluster.health.ejections import Ejections
from rpcfw.cluster.health.heartbeats import Heartbeats
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.cluster.health.serving_watch import ServingWatch
from rpcfw.cluster.node import Node
from rpcfw.values.node_health import NodeHealth

__all__ = ["HealthRecord"]


class HealthRecord:
    """
    Of one node.

    Args:
        node: of which.
        options: see `HealthOptions`.
    """

    __slots__ = (
        "availability",
        "beats",
        "by_probers",
        "died_at",
        "ejections",
        "failed_at",
        "node",
        "reason",
        "served",
        "serving",
        "unreached",
        "watch",
        "watch_at",
    )

    def __init__(self, node: Node, options: HealthOptions) -> None:
        self.node = node
        #: Why it is not healthy; or how it became so.
        self.reason = ""
        #: Its heartbeats; None while it is not connected.
        self.beats: Heartbeats | None = None
        self.availability = Availability()
        self.ejections = Ejections(options)
        #: Whether it was ever connected.
        self.served = False
        #: What it says itself, and the watch that says so; None if there is none now.
        self.serving = True
        self.watch: ServingWatch | None = None
        #: From when on it may be watched again.
        self.watch_at = 0.0
        #: No prober reaches it; and that alone has made it dead.
        self.unreached = self.by_probers = False
        #: When it died, and when connecting to it failed last.
        self.died_at = self.failed_at = 0.0

    def use(self, options: HealthOptions) -> None:
        """
        Go by other options from now on; what was found stays.
        """
        self.ejections.use(options)
        if self.beats is not None:
            self.beats.use(options)
        if not options.watch:
            self.end_watch()

    @property
    def watched(self) -> bool:
        """
        Whether it is looked at often: calls are open, or something may be wrong with it.
        """
        node, beats = self.node, self.beats
        return beats is not None and bool(
            node.in_flight
            or node.health is NodeHealth.SUB_HEALTHY
            or beats.unanswered
            or node.overran
        )

    def may_recover(self, now: float) -> bool:
        """
        Whether nothing but its heartbeats speaks against it.
        """
        return self.serving and not self.ejections.last(now)

    def watch_serving(
        self, service: str, options: HealthOptions, now: float, found: Callable[[bool], None]
    ) -> None:
        """
        Ask the node whether it serves, if it should be asked and is not asked already.

        Args:
            found: called with each answer.
        """
        watch, drivers = self.watch, self.node.links.drivers
        if watch is not None:
            if not watch.over and watch.driver not in drivers:
                watch.cancel()  # its connection drains, and would wait for it
                self.watch_at = now
            if not watch.over:
                return
            self.serving = True  # as far as is known now
            if watch.refused:
                return
        if not options.watch or not drivers or now < self.watch_at:
            return
        self.watch_at = now + options.retry_delay
        self.watch = ServingWatch(drivers[0], service, found)

    def end_watch(self) -> None:
        """
        End the watch of what it says.
        """
        watch, self.watch = self.watch, None
        self.serving = True
        if watch is not None:
            watch.cancel()

    def excuse(self, seconds: float) -> None:
        """
        Take into account that this process itself did not read for so long.
        """
        if self.beats is not None:
            self.beats.excuse(seconds)

    def sample(self, now: float) -> None:
        """
        Move its window on.
        """
        self.ejections.decay(now)
        if self.beats is not None:
            links = self.node.links
            begun = sum([driver.begun for driver, _ in links.connections])
            self.availability.sample(links.past.started + begun, self.node.failures)

    def start_again(self, now: float) -> None:
        """
        Forget what was found before it died.
        """
        self.availability.clear()
        self.ejections.end(now)
