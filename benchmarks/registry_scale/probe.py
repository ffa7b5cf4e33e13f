"""
A process with real consumers: the registry's client as applications have it, one after the other.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from benchmarks.registry_scale.scale import Scale, watched_by
from benchmarks.registry_scale.worker import answer, run
from rpcfw.app.application import Application
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.values.instance import Snapshot

_clock: Any = reactor


class Probe:
    """
    Loads what one consumer watches.
    """

    def __init__(self, scale: Scale, sets: list[str]) -> None:
        self._scale = scale
        self._sets = sets

    def load(self, order: dict[str, Any]) -> None:
        """
        Answer with the time until a new process has all its lists.
        """
        spawn(self._load(order["consumer"])).addErrback(lambda failure: failure.printTraceback())

    async def _load(self, consumer: int) -> None:
        application = Application.from_ini(sets=tuple(self._sets))
        await application.start()
        assert application.registry is not None
        begun = _clock.seconds()
        instances = await self._lists(application.registry, watched_by(consumer, self._scale))
        took_s = _clock.seconds() - begun
        await application.stop()
        answer(took_s=took_s, instances=instances)

    async def _lists(self, registry: Registry, services: list[str]) -> int:
        found: dict[str, int] = {}
        whole: Deferred[None] = Deferred()

        def take(snapshot: Snapshot) -> None:
            found[snapshot.service] = len(snapshot.instances)
            if len(found) == len(services) and not whole.called:
                whole.callback(None)

        for service in services:
            registry.watch(service, take)
        await whole
        return sum(found.values())


def main() -> None:
    """
    Load.
    """
    job = json.loads(sys.argv[1])
    probe = Probe(Scale(**job["scale"]), job["sets"])
    run({"load": probe.load})


if __name__ == "__main__":
    main()
