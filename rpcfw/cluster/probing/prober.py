"""
Probes the nodes of services, and reports to the registry which it does not reach.

Theory of operation. Instances of several services may be at one address, as those of one
process are. The address is probed once, and named once for each of them. The report names only
what is not reached, so it changes rarely, and a fleet without faults costs the registry nothing.
The first one is written when each address has been decided about. Otherwise a prober that has
just been started would say that it reaches everything.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterable, Sequence

from twisted.logger import Logger

from rpcfw.cluster.probing.options import ProbeOptions
from rpcfw.cluster.probing.publisher import Publisher
from rpcfw.cluster.probing.schedule import Schedule
from rpcfw.cluster.probing.tally import Tally
from rpcfw.cluster.probing.target import Target
from rpcfw.cluster.probing.watched import WatchedServices
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.transport.runtime import Runtime
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.probe_report import PROBER_SERVICE, ProbeReport

__all__ = ["Prober"]

_log = Logger()

#: A prober listens nowhere, and the registries of Dubbo take no port 0.
_NO_PORT = 1
_Key = tuple[Address, str]


class Prober:
    """
    One prober.

    Args:
        runtime: connects, and has the time.
        registry: has the services, and gets the report.
        options: see `ProbeOptions`.
        protocols: what it speaks, best first.
        host: the name of this host.
    """

    def __init__(
        self,
        runtime: Runtime,
        registry: Registry,
        options: ProbeOptions,
        protocols: Sequence[str],
        host: str,
    ) -> None:
        self._options = options
        self._protocols = protocols
        self._clock = runtime.clock
        self._log = LimitedLog(_log, runtime.clock.seconds)
        self._schedule = Schedule(runtime, options, self._log, self._probed)
        self._services = WatchedServices(
            registry, options.services, options.interval, runtime.clock, self._log, self._listed
        )
        self._instances: dict[str, dict[str, tuple[str, Target]]] = {}
        self._targets: dict[_Key, Target] = {}
        self._uses: Count[Target] = Count()
        #: Whether it was cut off when it last looked.
        self._cut_off = False
        #: When the first report is written at the latest.
        self._first_at: DelayedCall | None = None
        meter = runtime.plugin_context.meter
        self._tally = Tally(meter)
        self.instance = _instance(options.name or host, host, runtime)
        self._publisher = Publisher(
            registry,
            self.instance,
            self.report,
            options.report_interval,
            runtime.clock,
            meter.counter("rpcfw_prober_reports_total", "reports that were written").of(),
            self._log,
        )

    def start(self) -> None:
        """
        Begin to probe.
        """
        self._services.start()
        options = self._options
        # Until then a node that answers nothing has had all of its probes.
        longest_s = 2 * options.interval + options.failures * (
            2 * options.retry_interval + options.timeout
        )
        self._first_at = self._clock.callLater(longest_s, self._publisher.start)

    async def stop(self) -> None:
        """
        Probe no more, and withdraw the report.
        """
        if self._first_at is not None and self._first_at.active():
            self._first_at.cancel()
        self._services.stop()
        self._schedule.stop()
        await self._publisher.stop()
        for service in tuple(self._instances):
            self._listed(service, ())

    def report(self) -> ProbeReport:
        """
        Return what is known now.
        """
        unreached = {
            service: {
                id: address
                for id, (address, target) in instances.items()
                if target.reached is False
            }
            for service, instances in self._instances.items()
        }
        options = self._options
        return ProbeReport.bounded(
            options.services, self._tally.reached_percent, unreached, options.max_named
        )

    # What the registry says.

    def _listed(self, service: str, instances: Iterable[Instance]) -> None:
        """
        Probe the instances that a service has now.
        """
        before = self._instances.pop(service, {})
        found = {}
        for each in instances:
            target = self._target(each)
            if target is not None:
                self._uses[target] += 1
                found[each.id] = str(each.address), target
        if found:
            self._instances[service] = found
        for _, target in before.values():
            self._uses[target] -= 1
            if not self._uses[target]:
                self._drop(target)
        self._changed()

    def _target(self, instance: Instance) -> Target | None:
        protocol = next((one for one in self._protocols if one in instance.protocols), None)
        if protocol is None:
            self._log.warn_of(
                "wires",
                "{address} of {service} is not probed: it speaks {spoken}, and this prober "
                "{known}; set [client] protocols",
                address=str(instance.address),
                service=instance.service,
                spoken=", ".join(instance.protocols[:5]),
                known=", ".join(self._protocols),
            )
            return None
        key = instance.address, protocol
        target = self._targets.get(key)
        if target is None:
            if len(self._targets) >= self._options.max_nodes:
                self._log.warn_of(
                    "max_nodes",
                    "not all nodes are probed: there are more than [probe] max_nodes = {max}",
                    max=self._options.max_nodes,
                )
                return None
            target = self._targets[key] = Target(*key)
            self._tally.add(target)
            self._schedule.add(target)
        return target

    def _drop(self, target: Target) -> None:
        self._tally.remove(target)
        del self._uses[target], self._targets[target.address, target.protocol]
        self._schedule.remove(target)

    # What the probes show.

    def _probed(self, target: Target, reason: str) -> None:
        before = target.reached
        moved = self._tally.note(target, reason, self._options)
        if self._tally.cut_off is not self._cut_off:
            self._cut_off = not self._cut_off
            self._changed()
        if not moved:
            return
        self._changed()
        if before is False and target.reached:
            self._log.note_of("reached", "{address} is reached again", address=str(target.address))
        elif not target.reached:
            self._log.warn_of(
                "not reached",
                "{address} is not reached: {reason}",
                address=str(target.address),
                reason=target.reason,
            )

    def _changed(self) -> None:
        """
        Have the report written, if it is another one.
        """
        first = self._first_at
        if first is None or not first.active():
            self._publisher.changed()
        elif self._targets and not self._tally.undecided:
            first.cancel()
            self._publisher.start()


def _instance(name: str, host: str, runtime: Runtime) -> Instance:
    """
    Return what the prober is announced as. Its address says where it is; nobody connects to it.
    """
    token = f"{runtime.random.randrange(1 << 32):08x}"
    try:
        address = Address.parse(f"tcp:{host}:{_NO_PORT}")
    except ValueError:
        address = Address("tcp", "localhost", _NO_PORT)
    return Instance(
        PROBER_SERVICE,
        f"{name}-{token}",
        address,
        (),
        weight=0,
    )
