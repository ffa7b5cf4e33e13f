"""
Watches the health of the nodes of one service.

Theory of operation. `transitions` has the states, and which event leads from one to another.
Here the events are found. A tick, several times in a second, looks at the nodes with open calls
and at those with which something may be wrong: their heartbeats. Once in a while, in a *sweep*,
all nodes are looked at, their rates are measured, and dead ones are connected to. What a
connection reports comes at once (`links_changed`).

No node is given up for its silence unless another one answers. If all are silent, the fault is
probably on this side, and the keepalive of the connections decides, which is slower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from rpcfw.cluster.health.availability import SAMPLES
from rpcfw.cluster.health.dead_nodes import retry_dead
from rpcfw.cluster.health.heartbeats import Heartbeats
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.cluster.health.outliers import outliers
from rpcfw.cluster.health.probed_nodes import ProbedNodes
from rpcfw.cluster.health.record import HealthRecord
from rpcfw.cluster.health.reports import HealthReports
from rpcfw.cluster.health.transitions import HealthEvent, follows
from rpcfw.cluster.node import Node, Rank
from rpcfw.spi.runtime.clock import Clock, DelayedCall
from rpcfw.transport.pool.link import LinkState
from rpcfw.values.node_health import NodeHealth
from rpcfw.values.units import part_of

__all__ = ["HealthMonitor"]


class HealthMonitor:
    """
    Of the nodes of one service.

    Args:
        service: its name.
        options: see `HealthOptions`.
        clock: time.
        reports: where transitions are reported.
        probed: what probers say of the nodes.
        changed: called when the health of a node has changed.
    """

    def __init__(
        self,
        service: str,
        options: HealthOptions,
        clock: Clock,
        reports: HealthReports,
        probed: ProbedNodes,
        changed: Callable[[], None],
    ) -> None:
        self._service = service
        self._clock = clock
        self._reports = reports
        self._probed = probed
        self._changed = changed
        self._records: dict[Node, HealthRecord] = {}
        #: Those that this tick has found silent for too long, and how long that is.
        self._long_silent: dict[HealthRecord, str] = {}
        self._sweep_at = 0.0
        self._due_at = 0.0
        self._timer: DelayedCall | None = None
        self._go_by(options)

    def _go_by(self, options: HealthOptions) -> None:
        self._options = options
        self._probed.use(options)
        self.panic_share = options.panic_share
        self._tick_s = options.heartbeat / 2
        self._sweep_s = options.window / SAMPLES

    def use(self, options: HealthOptions) -> None:
        """
        Go by other options from now on. The health of the nodes stays as it is known.
        """
        self._go_by(options)
        for record in self._records.values():
            record.use(options)
        now = self._clock.seconds()
        self._sweep_at = min(self._sweep_at, now + self._sweep_s)
        if self._timer is not None:
            self._timer.cancel()
            self._tick_later(now)

    def watch(self, nodes: Iterable[Node]) -> None:
        """
        Watch these nodes from now on, and no others.
        """
        before = self._records
        self._records = {
            node: before.get(node) or HealthRecord(node, self._options) for node in nodes
        }
        for node in before.keys() - self._records.keys():
            # Its connections stay open until their calls have ended.
            before[node].end_watch()
        self._probed.forget()
        self._ask_probers()
        self._reports.count(self._records)
        if self._timer is None and self._records:
            self._tick_later(self._clock.seconds())

    def stop(self) -> None:
        """
        Watch no node any more.
        """
        for record in self._records.values():
            record.end_watch()
        self._records = {}
        self._reports.count(())
        self._probed.stop()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def reason(self, node: Node) -> str:
        """
        Return why a node has the health that it has; empty for a node that nothing happened to.
        """
        record = self._records.get(node)
        return record.reason if record is not None else ""

    def probers_say(self, node: Node) -> str:
        """
        Return how many probers reach a node; empty if none says anything.
        """
        record = self._records.get(node)
        return self._probed.says(record) if record is not None else ""

    # What the connections report.

    def links_changed(self, node: Node) -> None:
        """
        See what has become of the connections to a node.
        """
        record = self._records.get(node)
        links = node.links
        if record is None or links.state is LinkState.CLOSED:
            return
        now = self._clock.seconds()
        if links.state is LinkState.READY:
            if record.beats is None:
                self._connected(record, now)
            return
        if record.beats is not None:
            record.beats = None
            record.end_watch()
            record.watch_at = 0.0
            node.silent = False
            if links.lost:
                self._step(record, HealthEvent.LOST, links.reason)
        if links.failed:
            if links.state is LinkState.WAITING:
                record.failed_at = now
            record.by_probers = False
            self._step(record, HealthEvent.CONNECT_FAILED, links.reason)
        elif record.unreached:
            self._unreached(record)

    def _connected(self, record: HealthRecord, now: float) -> None:
        links = record.node.links
        record.beats = Heartbeats(self._options, links.pings_limited, now)
        record.served = True
        record.by_probers = False
        if record.node.health is NodeHealth.DEAD:
            record.start_again(now)
        self._step(record, HealthEvent.CONNECTED, "it is connected again")
        self._watch_serving(record, now)

    # What a node says itself.

    def _watch_serving(self, record: HealthRecord, now: float) -> None:
        record.watch_serving(self._service, self._options, now, partial(self._said, record))

    def _said(self, record: HealthRecord, serving: bool) -> None:
        record.serving = serving
        if not serving:
            self._wrong(record, HealthEvent.NOT_SERVING, "it says that it does not serve")

    # What probers say.

    def _ask_probers(self) -> None:
        """
        Act on the reports of probers, as far as they have changed.
        """
        for record in self._probed.changed(self._records.values()):
            if record.unreached:
                self._unreached(record)
            elif record.by_probers:
                record.by_probers = False
                self._step(record, HealthEvent.REACHED, "a prober reaches it again")

    def _unreached(self, record: HealthRecord) -> None:
        if record.beats is not None:
            record.node.overran = True  # so that it is pinged now
            return
        was_healthy = record.node.health is NodeHealth.HEALTHY
        reason = f"{self._probed.says(record)}, and it is not connected here"
        if self._step(record, HealthEvent.UNREACHED, reason):
            record.by_probers = was_healthy

    # What the clock brings.

    def _tick_later(self, now: float) -> None:
        self._due_at = now + self._tick_s
        self._timer = self._clock.callLater(self._tick_s, self._tick)

    def _tick(self) -> None:
        now = self._clock.seconds()
        late_s = now - self._due_at
        self._timer = None
        if not self._records:
            return
        self._tick_later(now)
        self._ask_probers()
        sweeps = now >= self._sweep_at
        for record in list(self._records.values()):
            if late_s > self._tick_s:
                record.excuse(late_s)
            if sweeps or record.watched:
                self._look(record, now)
        self._give_up_silent(now)
        if sweeps:
            self._sweep_at = now + self._sweep_s
            self._sweep(now)

    def _look(self, record: HealthRecord, now: float) -> None:
        """
        Look at the heartbeats of a node.
        """
        node, beats = record.node, record.beats
        drivers = node.links.drivers
        if beats is None or not drivers:
            return
        overran, node.overran = node.overran, False
        often = node.health is NodeHealth.SUB_HEALTHY
        beats.look(drivers, now, often=often, overran=overran)
        if beats.missed >= (1 if record.unreached else self._options.missed_heartbeats):
            self._missed(record, beats.missed)
        elif node.silent and not beats.missed:
            node.silent = False
            self._changed()
        if (
            often
            and beats.answered >= self._options.answered_heartbeats
            and record.may_recover(now)
        ):
            reason = f"it has answered {beats.answered} heartbeats in a row"
            self._step(record, HealthEvent.RECOVERED, reason)

    def _missed(self, record: HealthRecord, count: int) -> None:
        node = record.node
        reason = f"it has not answered {count} heartbeats in a row"
        if not node.silent:
            node.silent = True
            if not self._wrong(record, HealthEvent.MISSED, reason):
                self._changed()
        options, unreached = self._options, record.unreached
        if count >= (options.missed_heartbeats if unreached else options.max_missed_heartbeats):
            self._long_silent[record] = reason

    def _give_up_silent(self, now: float) -> None:
        """
        Give up the nodes that this tick has found silent for too long, if another one answers.
        """
        found, self._long_silent = self._long_silent, {}
        if not found or not any(_answers(one) for one in self._records.values()):
            return
        for record, reason in found.items():
            if record.node not in self._records:
                continue  # meanwhile: the calls of another one have failed, and callers act
            record.died_at = now
            self._step(record, HealthEvent.SILENT, reason)
            # After the transition: calls that fail now are routed again at once.
            for driver, _ in record.node.links.connections:
                driver.abort(reason)

    def _sweep(self, now: float) -> None:
        """
        Measure the rates, and connect to the dead.
        """
        self._probed.check_age()
        for record in self._records.values():
            record.sample(now)
            self._watch_serving(record, now)
            if record.ejections.last(now) and self._is_good(record):
                record.ejections.end(now)
        self._eject(now)
        retry_dead(self._records.values(), self._options.retry_delay, now)

    def _is_good(self, record: HealthRecord) -> bool:
        options, availability = self._options, record.availability
        enough = availability.calls >= options.min_calls
        return enough and availability.rate >= options.min_availability

    def _eject(self, now: float) -> None:
        connected = [one for one in self._records.values() if one.beats is not None]
        free = [one for one in connected if not one.ejections.last(now)]
        places = max(1, int(part_of(self._options.max_ejected, len(connected))))
        places -= len(connected) - len(free)
        for record in outliers({one: one.availability for one in free}, self._options):
            if places <= 0:
                return
            places -= 1
            seen = record.availability
            reason = (
                f"{seen.failures} of {seen.calls} calls failed in {self._options.window:g} s; "
                f"it is ejected for {record.ejections.eject(now):g} s"
            )
            seen.clear()
            self._wrong(record, HealthEvent.EJECTED, reason)

    def _wrong(self, record: HealthRecord, event: HealthEvent, reason: str) -> bool:
        """
        Take a step; if the node is sub-healthy already, this is why it stays so.
        """
        record.reason = reason
        return self._step(record, event, reason)

    def _step(self, record: HealthRecord, event: HealthEvent, reason: str) -> bool:
        """
        Enter the state that follows an event; return whether it is another one.
        """
        node = record.node
        before = node.health
        after = follows(before, event)
        if after is before:
            return False
        node.health = after
        record.reason = reason
        if after is NodeHealth.DEAD:
            record.died_at = self._clock.seconds()
        self._reports.moved(node, before, reason)
        self._changed()
        return True


def _answers(record: HealthRecord) -> bool:
    """
    Tell whether a node is connected, and answers its heartbeats as far as is known.
    """
    return record.beats is not None and record.node.rank in (Rank.READY, Rank.SATURATED)
