"""
A consumer that makes so many calls a second, whatever becomes of them.

The load is open: a call is made when it is due, not when the one before has ended, so
what hangs is seen to hang. Answers each line of standard input by a line of JSON with
what became of the calls so far; the line "registry" by how it uses its registry. The
line "end" ends it, once all calls have.
"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections import Counter
from typing import Any

import msgspec
from attrs import Factory, asdict, define

from rpcfw.app.application import Application
from rpcfw.cli.stdin import Lines
from rpcfw.errors import CallError
from rpcfw.kernel.log import begin_logging
from rpcfw.spi.runtime.waiting import Waiter, spawn
from tests.real.failover.repeats import Repeats
from tests.real.failover.service import Work
from tests.real.failover.wiretap import seen
from tests.real.pace import Pace

#: It ends by itself then, whoever has forgotten it.
_MOST_CALLS = 500_000
_MAX_S = 180.0
_MOST_TEXTS = 5


@define
class Tally:
    """
    What became of the calls.

    Args:
        sent: so many were made.
        slipped: so many were not, since the machine was busy elsewhere.
        ok: that were answered.
        failed: the others, by status.
        texts: what the first of those said.
        worst_s: the longest that one took.
        lately: answers by process since the last report.
        first_at: when each process answered first.
        repeats: attempts that were not the first of their call.
        last_repeat_at: when the last of them was made.
    """

    sent: int = 0
    slipped: int = 0
    ok: int = 0
    failed: Counter[str] = Factory(Counter)
    texts: list[str] = Factory(list)
    worst_s: float = 0.0
    lately: Counter[int] = Factory(Counter)
    first_at: dict[int, float] = Factory(dict)
    repeats: int = 0
    last_repeat_at: float = 0.0


class Load:
    """
    Makes the calls and answers for them.

    Args:
        application: started.
        method: ``read`` or ``write``.
        rate: calls a second.
    """

    def __init__(self, application: Application, method: str, rate: float) -> None:
        self._reactor = application.runtime.reactor
        self._registry = application.registry
        self._call = getattr(application.client(Work), method)
        self._pace = Pace(self._reactor, rate, self._begin)
        self._tally = Tally()
        self._open = 0
        self._ended: Waiter[None] | None = None

    async def run(self) -> None:
        await self._once()
        self._tell()
        self._pace.start()
        async for line in Lines(self._reactor, sys.stdin.fileno(), 1 << 10):
            if line == b"end":
                break
            if line == b"registry":
                _write(seen(self._registry))
            else:
                self._tell()
        self._pace.stop()
        if self._open:
            ended = self._ended = Waiter()
            await ended
        self._tell()

    def _begin(self, number: int) -> None:
        self._tally.sent += 1
        self._open += 1
        spawn(self._once()).addBoth(self._one_ended)
        if number >= _MOST_CALLS or self._pace.past_s > _MAX_S:
            self._pace.stop()

    async def _once(self) -> None:
        tally = self._tally
        began_at = time.monotonic()
        try:
            by = await self._call(tally.sent)
        except CallError as error:
            tally.failed[error.status.name] += 1
            if len(tally.texts) < _MOST_TEXTS:
                tally.texts.append(str(error))
        else:
            tally.ok += 1
            tally.lately[by] += 1
            tally.first_at.setdefault(by, time.monotonic())
        tally.worst_s = max(tally.worst_s, time.monotonic() - began_at)

    def _one_ended(self, result: Any) -> None:
        self._open -= 1
        if result is not None:
            self._tally.failed["not an error of a call"] += 1
            self._tally.texts.append(str(result))
        if self._ended is not None and not self._open:
            self._ended.callback(None)

    def _tell(self) -> None:
        tally = self._tally
        tally.slipped = self._pace.skipped
        tally.repeats, tally.last_repeat_at = Repeats.count, Repeats.last_at
        _write(asdict(tally))
        tally.lately.clear()


def _write(facts: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(facts).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """
    Run the load.
    """
    parser = ArgumentParser()
    parser.add_argument("--method", choices=("read", "write"), default="read")
    parser.add_argument("--rate", type=float, default=2000.0)
    parser.add_argument("sets", nargs="*", help="settings, as client.timeout=1s")
    arguments = parser.parse_args()
    begin_logging("info", sys.stderr)
    application = Application.from_ini(sets=arguments.sets)
    application.run(Load(application, arguments.method, arguments.rate).run)


if __name__ == "__main__":
    main()
