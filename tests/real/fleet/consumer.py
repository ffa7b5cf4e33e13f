"""
A consumer: ``consumer RATE [SETTING ...]`` calls both methods in turn, so many times a second.

Writes a line of JSON when it begins. A line of standard input is answered by how many calls
each process has answered since the last one, and the addresses that are listed; the line "end"
by every call, once all have ended, and by each list with the time when it came.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

from attrs import asdict

from rpcfw.app.application import Application
from rpcfw.cli.stdin import Lines
from rpcfw.errors import CallError
from rpcfw.kernel.log import begin_logging
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.status import Hint
from rpcfw.values.instance import Snapshot
from tests.real.fleet.calls import Called
from tests.real.fleet.service import Shop
from tests.real.pace import Pace


class Consumer:
    """
    Makes the calls and writes down how each ended.
    """

    def __init__(self, application: Application, rate: float) -> None:
        self._reactor = application.runtime.reactor
        self._application = application
        shop = application.client(Shop)
        self._methods = (shop.get, shop.buy)
        self._pace = Pace(self._reactor, rate, self._begin)
        self._called: list[Called] = []
        self._answered: Counter[int] = Counter()
        self._lists: list[tuple[float, list[str]]] = [(time.monotonic(), [])]
        self._open = 0
        self._all_ended: Waiter[None] = Waiter()

    async def run(self) -> None:
        assert self._application.registry is not None
        watch = self._application.registry.watch(Shop.service_name, self._take)
        self._pace.start()
        _write({})
        async for line in Lines(self._reactor, sys.stdin.fileno(), 1 << 10):
            if line == b"end":
                break
            answered = {str(pid): count for pid, count in self._answered.items()}
            _write({"answered": answered, "listed": self._lists[-1][1]})
            self._answered.clear()
        self._pace.stop()
        if self._open:
            await self._all_ended
        watch.close()
        calls = [asdict(one) for one in self._called]
        _write({"calls": calls, "skipped": self._pace.skipped, "lists": self._lists})

    def _take(self, snapshot: Snapshot) -> None:
        listed = sorted(str(each.address) for each in snapshot.instances)
        self._lists.append((time.monotonic(), listed))

    def _begin(self, number: int) -> None:
        self._open += 1
        spawn(self._call(number)).addBoth(self._ended)

    async def _call(self, number: int) -> None:
        called = Called(number, number % 2 == 0, time.monotonic())
        self._called.append(called)
        try:
            called.by = await self._methods[number % 2](number)
            self._answered[called.by] += 1
        except CallError as error:
            called.status = error.status.name
            called.not_begun = bool(error.hints & (Hint.NEVER_SENT | Hint.NOT_BEGUN))
            called.error = str(error)
        called.took_s = time.monotonic() - called.at

    def _ended(self, result: Any) -> None:
        self._open -= 1
        if result is not None:
            raise result.value
        if not self._open and self._pace.stopped:
            self._all_ended.callback(None)


def _write(facts: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main() -> None:
    """
    Run the consumer.
    """
    rate, *sets = sys.argv[1:]
    begin_logging("info", sys.stderr)
    application = Application.from_ini(sets=sets)
    application.run(Consumer(application, float(rate)).run)


if __name__ == "__main__":
    main()
