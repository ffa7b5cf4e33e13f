"""
How healthy instances are: as this process finds when it connects to them, or as another sees them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve, frozen

from rpcfw.app.application import Application
from rpcfw.client.stub import proxy
from rpcfw.cluster.health.prober_reports import ProberReports
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.pool.link import LinkState
from rpcfw.transport.runtime import Runtime
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.node_health import NodeHealth
from rpcfw.values.probe_report import PROBER_SERVICE, REPORT_TAG, report_from_json
from rpcfw_inspection.nodes import NodesService, SeenNode

__all__ = ["Probed", "ask_running", "probe", "report_in_words"]

#: So many instances are connected to at a time.
_MAX_CONNECTING = 64


@frozen
class Probed:
    """
    What one attempt to connect has shown.

    Args:
        health: healthy or dead; one attempt shows nothing else.
        reason: in how many milliseconds, or why not.
        probes: how many probers reach the instance; empty if there are none.
    """

    health: NodeHealth
    reason: str
    probes: str = ""


class _Probe:
    """
    One attempt to connect to one instance.
    """

    def __init__(self, runtime: Runtime, instance: Instance, protocol: str) -> None:
        self._done: Waiter[None] = Waiter()
        self._clock = runtime.clock
        self._began = runtime.clock.seconds()
        self._links = runtime.make_pool(instance.address, protocol, self._changed)
        self._links.connect()

    def _changed(self) -> None:
        if self._links.state is not LinkState.CONNECTING and not self._done.called:
            self._done.callback(None)

    async def result(self) -> Probed:
        try:
            await self._done
            took_ms = (self._clock.seconds() - self._began) * 1000
            if self._links.state is LinkState.READY:
                return Probed(NodeHealth.HEALTHY, f"connected in {took_ms:.0f} ms")
            return Probed(NodeHealth.DEAD, " ".join(self._links.reason.split()))
        finally:
            self._links.close("the command has ended")


async def probe(
    application: Application, instances: Iterable[Instance], reports: ProberReports
) -> Mapping[Instance, Probed]:
    """
    Connect to instances, some at a time, and return what that has shown.

    Args:
        instances: those of probers are left out, as nobody can connect to them.
        reports: what the probers say.
    """
    runtime = application.runtime
    found: dict[Instance, Probed] = {}
    known = [one for one in instances if one.service != PROBER_SERVICE]
    for start in range(0, len(known), _MAX_CONNECTING):
        probes = {}
        for one in known[start : start + _MAX_CONNECTING]:
            spoken = [name for name in runtime.protocols if name in one.protocols]
            if spoken:
                probes[one] = _Probe(runtime, one, spoken[0])
            else:
                names = ", ".join(runtime.protocols)
                found[one] = Probed(NodeHealth.DEAD, f"it speaks none of {names}")
        for one, each in probes.items():
            found[one] = await each.result()
    says = {one: reports.opinion(one.service, one.id, str(one.address)) for one in found}
    return {one: evolve(each, probes=str(says[one])) for one, each in found.items()}


def report_in_words(prober: Instance) -> str:
    """
    Return the report of a prober in a few words, as it may name many nodes.

    They begin with its id: several probers of one host have the same address.
    """
    try:
        report = report_from_json(prober.tags.get(REPORT_TAG, ""))
    except ValueError as error:
        return f"{prober.id}: unreadable: {error}"
    count = sum(each.count for each in report.services.values())
    more = "or more " if report.more else ""
    cut_off = "" if report.believed else "; cut off, so it is not believed"
    nodes = "node" if count == 1 and not more else "nodes"
    return f"{prober.id} reaches {report.reached_percent}%, {count} {more}{nodes} not{cut_off}"


async def ask_running(
    application: Application, address: Address, service: str, limit_s: float
) -> Sequence[SeenNode]:
    """
    Return the nodes as a running process sees them.

    Args:
        address: one of its ``[inspection] listen``.
        service: only the nodes of this one; empty for all.
    """
    open_channel = application.runtime.plugin_context.open_channel
    channel = open_channel(address, "native", service=NodesService.service_name)
    try:
        seen: Sequence[SeenNode] = await proxy(NodesService, channel).list(service, timeout=limit_s)
        return seen
    finally:
        await channel.close()
