"""
What the probers say of the nodes of one service, as far as a client acts on it.

Theory of operation. A client is a prober itself: while a node answers it, no report can take
the node from it. Reports are for what the client does not know yet. A node that is held to be
dead and is not connected is not waited for. One that is connected is asked at once, and needs
to miss fewer heartbeats until it is left out and given up.

If the reports would leave fewer nodes than the panic share, none of them is used: the rest
could not carry the calls of all.
"""

from __future__ import annotations

from collections.abc import Collection

from rpcfw.cluster.health.options import HealthOptions
from rpcfw.cluster.health.probes import Probes
from rpcfw.cluster.health.record import HealthRecord
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.values.units import part_of

__all__ = ["ProbedNodes"]


#: The version of no reports; -1 is that of reports that were not looked at.
_NO_VERSION = -2


class ProbedNodes:
    """
    Of one service.

    Args:
        service: its name.
        probes: the reports; None: there is no registry with them.
        meter: of the process.
    """

    def __init__(self, service: str, probes: Probes | None, meter: Meter) -> None:
        self._service = service
        self._known = probes
        #: The same, if the options ask for them.
        self._probes: Probes | None = None
        self._panic_share = 0.0
        self._version = -1
        name = "rpcfw_client_nodes_unreached"
        self._count = meter.gauge(name, "nodes that no prober reaches", "service").of(service)

    def use(self, options: HealthOptions) -> None:
        """
        Go by these options from now on.
        """
        self._panic_share = options.panic_share
        self._probes = self._known if options.probes else None
        self._version = -1
        if self._probes is not None:
            self._probes.want()

    def forget(self) -> None:
        """
        Have all nodes compared again: there are others.
        """
        self._version = -1

    def stop(self) -> None:
        """
        Count no nodes any more.
        """
        self._count.value = 0

    def check_age(self) -> None:
        """
        See whether the reports are too old.
        """
        if self._probes is not None:
            self._probes.check_age()

    def says(self, record: HealthRecord) -> str:
        """
        Return what the probers say of a node, for a person; empty: nothing.
        """
        if self._probes is None:
            return ""
        instance = record.node.instance
        return str(self._probes.opinion(self._service, instance.id, str(instance.address)))

    def changed(self, records: Collection[HealthRecord]) -> list[HealthRecord]:
        """
        Note which nodes no prober reaches, and return those of which that has changed.
        """
        probes = self._probes
        version = probes.version if probes is not None else _NO_VERSION
        if version == self._version:
            return []
        self._version = version
        nodes = map(_id_and_address, records)
        dead = probes.dead(self._service, nodes) if probes is not None else set()
        found = [one for one in records if dead and _id_and_address(one) in dead]
        self._count.value = len(found)
        if len(records) - len(found) < part_of(self._panic_share, len(records)):
            found = []
        unreached = set(found)
        changed = [one for one in records if one.unreached is not (one in unreached)]
        for record in changed:
            record.unreached = not record.unreached
        return changed


def _id_and_address(record: HealthRecord) -> tuple[str, str]:
    return record.node.instance.id, record.node.peer
