"""
A process with real consumers: the registry's client as applications have it, one after the other.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from benchmarks.registry_scale.scale import APPLICATION, Scale, rules_of, watched_by
from benchmarks.registry_scale.worker import answer, run
from rpcfw.app.application import Application
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.values.instance import Snapshot
from rpcfw.values.rule import Author, Scope

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
        Answer with the time until a new process has all its lists and rules.
        """
        spawn(self._load(order["consumer"])).addErrback(lambda failure: failure.printTraceback())

    def put_rules(self, order: dict[str, Any]) -> None:
        """
        Put a rule for all consumers, which says when that was.
        """
        spawn(self._put_rules()).addErrback(lambda failure: failure.printTraceback())

    async def _put_rules(self) -> None:
        application = Application.from_ini(sets=tuple(self._sets))
        await application.start()
        assert application.registry is not None
        rules = application.registry.rules()
        assert rules is not None
        body = f"{_clock.seconds():.6f}"
        await rules.put(APPLICATION, "benchmark", body, 0, Author("benchmark", ""))
        await application.stop()
        answer()

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
        missing = {*services, *rules_of(services)}
        whole: Deferred[None] = Deferred()

        def has(topic: str | Scope) -> None:
            missing.discard(topic)
            if not missing and not whole.called:
                whole.callback(None)

        def take(snapshot: Snapshot) -> None:
            found[snapshot.service] = len(snapshot.instances)
            has(snapshot.service)

        for service in services:
            registry.watch(service, take)
        rules = registry.rules()
        assert rules is not None
        for scope in rules_of(services):
            rules.watch(scope, lambda found: has(found.scope))
        await whole
        return sum(found.values())


def main() -> None:
    """
    Load.
    """
    job = json.loads(sys.argv[1])
    probe = Probe(Scale(**job["scale"]), job["sets"])
    run({"load": probe.load, "put_rules": probe.put_rules})


if __name__ == "__main__":
    main()
