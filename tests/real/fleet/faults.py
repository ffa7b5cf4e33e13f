"""
What may happen to one of three providers, and the figures of a run with it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import field, frozen

from tests.real.fleet.calls import Figures, Span, figures
from tests.real.fleet.fleet import PROVIDERS, Fleet
from tests.real.fleet.network import GONE
from tests.real.providers import Process

__all__ = ["FAULTS", "RECOVERY_S", "Fault", "run"]

DEAD = 300
#: How long it is waited for that a node is used again.
RECOVERY_S = 10.0
#: Time with calls and without a fault, before it.
_BEFORE_S = 1.0
#: The same after it, once the node is used again.
_AFTER_S = 1.5
#: From when on shares and latencies during a fault are counted.
_SETTLE_S = 2.0
_LATENCY_S = 2.0
_USUAL_S = 0.004


class Fault:
    """
    Begins, and ends; the provider that has it is the victim of the fleet.
    """

    #: Whether the victim needs to be a host of its own.
    own_network = False
    #: Whether the fault is there before the consumer is.
    first = False

    def begin(self, fleet: Fleet) -> None:
        raise NotImplementedError

    def end(self, fleet: Fleet) -> None:
        raise NotImplementedError


class Frozen(Fault):
    """
    Its process stands still; its connections stay open.
    """

    def begin(self, fleet: Fleet) -> None:
        fleet.victim.freeze()

    def end(self, fleet: Fleet) -> None:
        fleet.victim.thaw()


class Dropped(Fault):
    """
    All packets of calls to and from it are dropped; its registry still hears from it.
    """

    own_network = True

    def begin(self, fleet: Fleet) -> None:
        assert fleet.network is not None
        fleet.network.drop()

    def end(self, fleet: Fleet) -> None:
        assert fleet.network is not None
        fleet.network.pass_on()


class Slow(Fault):
    """
    Its methods take two seconds longer.
    """

    def begin(self, fleet: Fleet) -> None:
        fleet.victim.ask(str(_USUAL_S + _LATENCY_S))

    def end(self, fleet: Fleet) -> None:
        fleet.victim.ask(str(_USUAL_S))


@frozen
class Stranger(Fault):
    """
    It is killed, its port taken by somebody else, and the registry still lists it.

    Args:
        kind: of stranger.
    """

    kind: str
    _processes: list[Process] = field(factory=list)

    def begin(self, fleet: Fleet) -> None:
        fleet.victim.kill()
        self._processes.append(fleet.stranger(self.kind))
        self._processes.append(fleet.announce([fleet.victim_address]))

    def end(self, fleet: Fleet) -> None:
        for process in self._processes:
            process.kill()
        self._processes.clear()
        fleet.replace_victim()


@frozen
class Dead(Fault):
    """
    Three hundred instances are announced that are not there.

    Args:
        first: whether they are before the consumer starts.
        own_network: whether their hosts are gone, too: connecting to them takes its whole time.
    """

    first: bool = False
    own_network: bool = False
    _processes: list[Process] = field(factory=list)

    def begin(self, fleet: Fleet) -> None:
        net = GONE if self.own_network else "127.0"
        dead = [f"tcp:{net}.{number // 100}.{number % 100 + 2}:9" for number in range(DEAD)]
        self._processes.append(fleet.announce(dead))

    def end(self, fleet: Fleet) -> None:
        self._processes.pop().kill()


FAULTS = {
    "frozen": Frozen(),
    "dropped": Dropped(),
    "stranger-silent": Stranger("silent"),
    "stranger-other": Stranger("other"),
    "dead": Dead(),
    "dead-first": Dead(first=True),
    "dead-hosts": Dead(own_network=True),
    "dead-hosts-first": Dead(first=True, own_network=True),
    "slow": Slow(),
}


def run(
    fault: Fault,
    lasts_s: float,
    consumer: Sequence[str] = (),
    registry: str = "standalone",
    wire: str = "native",
) -> Figures:
    """
    Return the figures of a run.

    Args:
        lasts_s: how long the fault lasts.
        consumer: settings of the consumer.
        registry: which plugin.
        wire: protocol of the calls.
    """
    with Fleet(registry, fault.own_network, consumer, wire) as fleet:
        fleet.start_providers()
        if fault.first:
            began_at = time.monotonic()
            fault.begin(fleet)
            fleet.start_consumer()
        else:
            fleet.start_consumer()
            fleet.wait_until_called()
            time.sleep(_BEFORE_S)
            began_at = time.monotonic()
            fault.begin(fleet)
        processes = {fleet.victim.pid}
        time.sleep(lasts_s)
        fault.end(fleet)
        ended_at = time.monotonic()
        processes.add(fleet.victim.pid)
        fleet.is_victim_used(RECOVERY_S)
        time.sleep(_AFTER_S)
        span = Span(began_at, ended_at, processes, PROVIDERS, min(_SETTLE_S, lasts_s / 2))
        calls, skipped = fleet.end_calls()
        return figures(calls, skipped, fleet.begun(), span)
