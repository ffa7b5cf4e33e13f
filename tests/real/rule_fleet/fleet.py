"""
Consumers in several processes, and what they have told of the rules in use.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Any

from tests.real.commands import rpcfw
from tests.real.providers import LIMIT_S, Process
from tests.real.rule_fleet.words import SERVICE, document

__all__ = ["Fleet"]


class _Consumers(Process):
    """
    One process.
    """

    def __init__(self, file: Path, count: int) -> None:
        module = "tests.real.rule_fleet.consumers"
        super().__init__("the consumers", module, str(file), str(count))
        self.count = count
        #: What was told, in order.
        self.told: list[dict[str, Any]] = []

    def read(self, limit_s: float = LIMIT_S) -> dict[str, Any]:
        facts = self.facts(limit_s)
        self.told.append(facts)
        return facts

    def uses(self, timeout_s: int) -> dict[int, list[float]]:
        """
        Return when each consumer has put a document in use.
        """
        found: dict[int, list[float]] = {}
        for facts in self.told:
            if facts.get("timeout_s") == timeout_s:
                found.setdefault(facts["consumer"], []).append(facts["at"])
        return found

    def read_all(self, asked: str = "?") -> None:
        """
        Have it do something; read what is told until that is done.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{asked}\n".encode())
        self._process.stdin.flush()
        while "all" not in self.read():
            pass


class Fleet:
    """
    Processes with consumers, which all have started.

    Args:
        file: their INI.
        processes: how many.
        each: consumers in each.
    """

    def __init__(self, file: Path, processes: int, each: int) -> None:
        self._file = file
        self.size = processes * each
        self._processes = [_Consumers(file, each) for _ in range(processes)]
        for process in self._processes:
            while "started" not in process.read():
                pass

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.close()

    def put(self, timeout_s: int) -> None:
        """
        Put a document by the command.
        """
        put = ("rule", "put", "policies", SERVICE, "-", "-c", self._file)
        done = rpcfw(*put, stdin=document(timeout_s))
        assert 0 == done.returncode, done.stderr

    def put_at(self) -> float:
        """
        Return when the last document was stored, by this machine's clock.
        """
        found = rpcfw("rule", "get", "policies", SERVICE, "-c", self._file, "--json")
        assert 0 == found.returncode, found.stderr
        at: float = json.loads(found.stdout)["at"]
        return at

    def force(self, record: bytes) -> None:
        """
        Store a record of the service by hand, without the checks of the command.
        """
        with NamedTemporaryFile() as file:
            file.write(record)
            file.flush()
            self._processes[0].read_all(file.name)

    def freeze(self) -> None:
        """
        Stop all processes where they stand.
        """
        for process in self._processes:
            process.freeze()

    def thaw(self) -> float:
        """
        Let them go on; return when, by this machine's clock.
        """
        at = time.time()
        for process in self._processes:
            process.thaw()
        return at

    def until_used(self, timeout_s: int, limit_s: float = LIMIT_S) -> list[float]:
        """
        Return when each consumer had put a document in use, the earliest first.
        """
        end = time.monotonic() + limit_s
        for process in self._processes:
            while len(process.uses(timeout_s)) < process.count:
                process.read(max(0.1, end - time.monotonic()))
        return sorted(at for one in self._each_uses(timeout_s) for at in one)

    def until_logged(self, words: str, limit_s: float = LIMIT_S) -> None:
        """
        Return once each consumer has logged a line with these words.
        """
        end = time.monotonic() + limit_s
        for process in self._processes:
            while sum(words in one for one in _lines(process.told)) < process.count:
                process.read(max(0.1, end - time.monotonic()))

    def read_all(self) -> None:
        """
        Read what is told by now.
        """
        for process in self._processes:
            process.read_all()

    def forget(self) -> None:
        """
        Forget what was told so far.
        """
        self.read_all()
        for process in self._processes:
            process.told.clear()

    def used(self) -> list[list[float]]:
        """
        Return what each consumer has put in use, in order.
        """
        self.read_all()
        found: list[list[float]] = []
        for process in self._processes:
            orders: dict[int, list[float]] = {number: [] for number in range(process.count)}
            for facts in process.told:
                if "timeout_s" in facts:
                    orders[facts["consumer"]].append(facts["timeout_s"])
            found += orders.values()
        return found

    def lines(self) -> list[str]:
        """
        Return what all have logged about rules.
        """
        self.read_all()
        return [line for process in self._processes for line in _lines(process.told)]

    def _each_uses(self, timeout_s: int) -> Iterator[list[float]]:
        for process in self._processes:
            yield from process.uses(timeout_s).values()


def _lines(told: Sequence[dict[str, Any]]) -> list[str]:
    return [one["line"] for one in told if "line" in one]
