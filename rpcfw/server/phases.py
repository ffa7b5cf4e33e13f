"""
The phases that a server goes through, for its log and its metrics.

::

    phase      from when
    starting   services are started
    listening  the ports are open; `ready` of services runs
    ready      health checks succeed
    announced  consumers find at least one service in the registry
    offline    rules keep all services out of the registry; calls are served
    draining   the stop has begun: calls that are open may end
    stopped    everything is closed

Without a registry, a server stays ready. Only announced and offline come more than once.
"""

from __future__ import annotations

from enum import Enum

from twisted.logger import Logger

from rpcfw.spi.plugin import PluginContext

__all__ = ["ServerPhase", "ServerPhases"]


class ServerPhase(Enum):
    """
    Where a server is on its way.
    """

    STARTING = "starting"
    LISTENING = "listening"
    READY = "ready"
    ANNOUNCED = "announced"
    OFFLINE = "offline"
    DRAINING = "draining"
    STOPPED = "stopped"


class ServerPhases:
    """
    Logs the phases of one server, and shows them as metrics.

    Args:
        plugin_context: has the clock and the meter.
        shown: no: the server only shows its process to tools, and has no phases of its own.
    """

    log = Logger()

    def __init__(self, plugin_context: PluginContext, *, shown: bool = True) -> None:
        self._shown = shown
        self._seconds = plugin_context.clock.seconds
        meter = plugin_context.meter
        current = meter.gauge(
            "rpcfw_server_phase", "1 for the phase that the server is in, until it stopped", "phase"
        )
        spent = meter.counter(
            "rpcfw_server_phase_seconds_total", "time in each phase that has ended", "phase"
        )
        phases: list[ServerPhase] = [
            phase for phase in ServerPhase if phase is not ServerPhase.STOPPED
        ]
        self._current = {phase: current.of(phase.value) for phase in phases}
        self._spent = {phase: spent.of(phase.value) for phase in phases}
        self._since = 0.0
        #: Where the server is; None: it has not been started.
        self.phase: ServerPhase | None = None

    def announced(self, announced: bool) -> None:
        """
        At least one service is in the registry, or none.
        """
        self.enter(ServerPhase.ANNOUNCED if announced else ServerPhase.OFFLINE)

    def enter(self, phase: ServerPhase, detail: str = "") -> None:
        """
        Begin a phase, unless the server is in it, or has stopped: that is the last one.

        Args:
            detail: what the log line says besides.
        """
        before, now = self.phase, self._seconds()
        if phase is before or before is ServerPhase.STOPPED or not self._shown:
            return
        after = ""
        if before is not None:
            spent_s = now - self._since
            self._current[before].value = 0
            self._spent[before].value += spent_s
            after = f", after {spent_s:.3g} s {before.value}"
        if phase is not ServerPhase.STOPPED:
            self._current[phase].value = 1
        self.log.info(
            "server phase: {phase}{after}{detail}",
            phase=phase.value,
            after=after,
            detail=f": {detail}" if detail else "",
        )
        self.phase, self._since = phase, now
