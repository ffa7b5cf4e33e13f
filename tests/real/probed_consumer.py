"""
The consumer of a test with probers: ``probed_consumer [SETTING ...]``.

It calls all the time. Each line of standard input is answered by a line of JSON: the health of
each node with what probers say of it, by address, and the report of each prober, by its name.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

from rpcfw.app.application import Application
from rpcfw.cli.stdin import Lines
from rpcfw.errors import CallError
from rpcfw.kernel.log import begin_logging
from rpcfw.spi.runtime.waiting import sleep, spawn
from rpcfw.values.instance import Snapshot
from rpcfw.values.probe_report import PROBER_SERVICE, REPORT_TAG, report_from_json
from tests.real.probed_providers import Shop

#: Between two calls.
_EVERY_S = 0.05


class Consumer:
    """
    Calls, and says what it sees.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._shop = application.client(Shop)
        self._probers: dict[str, Any] = {}

    async def run(self) -> None:
        """
        Call until nobody writes any more.
        """
        registry = self._application.registry
        assert registry is not None
        watch = registry.watch(PROBER_SERVICE, self._take)
        calling = spawn(self._call()).addErrback(lambda _: None)
        async for _ in Lines(self._application.runtime.reactor, sys.stdin.fileno(), 1 << 10):
            sys.stdout.write(json.dumps({"nodes": self._nodes(), "probers": self._probers}) + "\n")
            sys.stdout.flush()
        calling.cancel()
        watch.close()

    async def _call(self) -> None:
        while True:
            spawn(self._call_once())
            await sleep(self._application.runtime.clock, _EVERY_S)

    async def _call_once(self) -> None:
        with suppress(CallError):
            await self._shop.get()

    def _nodes(self) -> dict[str, Any]:
        (client,) = self._application.clients
        return {
            node.peer: [str(node.health), client.health.probers_say(node)] for node in client.nodes
        }

    def _take(self, snapshot: Snapshot) -> None:
        self._probers = {}
        for each in snapshot.instances:
            report = report_from_json(each.tags[REPORT_TAG])
            unreached = sum(one.count for one in report.services.values())
            self._probers[each.id.rpartition("-")[0]] = [unreached, report.believed]


def main() -> None:
    """
    Run the consumer.
    """
    begin_logging("info", sys.stderr)
    application = Application.from_ini(sets=sys.argv[1:])
    application.run(Consumer(application).run)


if __name__ == "__main__":
    main()
