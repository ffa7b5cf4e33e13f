"""
Providers, consumers and registry servers as processes of this machine.

They are ended by their process id, and none is left when the block is left in which
they were started. Whatever is waited for has a limit.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.house.tree import ROOT

__all__ = ["LIMIT_S", "Load", "Process", "Processes", "Provider", "until"]

#: However slow the machine is, what takes longer hangs.
LIMIT_S = 90.0
#: What is read of a log.
_MOST_LOG_BYTES = 1 << 22


def until(seen: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
    """
    Return what ``seen()`` returns, once that is true.
    """
    end = time.monotonic() + limit_s
    while not (result := seen()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {limit_s:g} s: {what}")
        time.sleep(0.05)
    return result


class Process:
    """
    One process.

    Args:
        name: what it is called when it fails.
        module: what Python is to run.
        arguments: what it is given.
        within: what the command is begun with, such as a change of namespace.
    """

    def __init__(self, name: str, module: str, *arguments: str, within: Sequence[str] = ()) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # ends with this
        environ = {k: v for k, v in os.environ.items() if not k.startswith("RPCFW_")}
        environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
        self._process = subprocess.Popen(
            [*within, sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environ,
        )
        self._read = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self, limit_s: float = LIMIT_S) -> str:
        """
        Return the next line that it writes.
        """
        end = time.monotonic() + limit_s
        output = self._process.stdout
        assert output is not None
        # Not by a thread: a thread that lives on would be a mistake of the test's.
        poll = select.poll()
        poll.register(output, select.POLLIN)
        while b"\n" not in self._read:
            if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
                raise TimeoutError(f"{self.name} says nothing: {self.errors()}")
            chunk = os.read(output.fileno(), 1 << 16)
            if not chunk:
                raise RuntimeError(f"{self.name} has ended: {self.errors()}")
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        return line.decode()

    def facts(self, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """
        Return the next line as the JSON that it is.
        """
        facts: dict[str, Any] = json.loads(self.line(limit_s))
        return facts

    def ask(self, word: str, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """
        Write a line to it and return what it answers.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()
        return self.facts(limit_s)

    def kill(self) -> float:
        """
        End it by SIGKILL; return when.
        """
        at = time.monotonic()
        self._process.kill()
        self._process.wait()
        return at

    def terminate(self) -> None:
        """
        Ask it to end, by SIGTERM.
        """
        self._process.terminate()

    def wait(self, limit_s: float = LIMIT_S) -> int:
        """
        Return its exit code once it has ended.
        """
        try:
            return self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} does not end: {self.errors()}") from None

    def stop(self) -> float:
        """
        Have it end in good order; return the seconds that it took.
        """
        began_at = time.monotonic()
        self.terminate()
        code = self.wait()
        if code != 0:
            raise RuntimeError(f"{self.name} ended with {code}: {self.errors()}")
        return time.monotonic() - began_at

    def freeze(self) -> float:
        """
        Stop it where it stands; its connections stay open. Return when.
        """
        self._process.send_signal(signal.SIGSTOP)
        return time.monotonic()

    def thaw(self) -> None:
        """
        Let it go on.
        """
        self._process.send_signal(signal.SIGCONT)

    def errors(self) -> str:
        """
        Return the last that it logged.
        """
        # Without moving its place in the file, which is ours too.
        log = os.pread(self._errors.fileno(), _MOST_LOG_BYTES, 0)
        return "\n".join(log.decode("utf-8", "replace").splitlines()[-15:])

    def close(self) -> None:
        """
        End it whatever it does, and let go of its pipes.
        """
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._errors.close()


class Provider(Process):
    """
    Serves ``failover.Work``. Ready once made.
    """

    def __init__(self, *arguments: str) -> None:
        super().__init__("a provider", "tests.real.failover.provider", *arguments)

    def wait_ready(self) -> None:
        """
        Wait until it serves and is announced.
        """
        facts = self.facts()
        self.address: str = facts["address"]
        self.ready_at: float = facts["at"]


class Load(Process):
    """
    Calls ``failover.Work`` at a steady rate; see `tests.real.failover.load`.
    """

    def __init__(self, *arguments: str) -> None:
        super().__init__("the consumer", "tests.real.failover.load", *arguments)

    def report(self) -> dict[str, Any]:
        """
        Return what became of the calls so far.
        """
        return self.ask("report")

    def called(self, *providers: Provider) -> bool:
        """
        Tell whether all of these have answered since the last report.
        """
        lately = self.report()["lately"]
        return all(str(each.pid) in lately for each in providers)

    def met(self, *providers: Provider) -> bool:
        """
        Tell whether all of these have ever answered.
        """
        first_at = self.report()["first_at"]
        return all(str(each.pid) in first_at for each in providers)

    def go_on(self, calls: int) -> dict[str, Any]:
        """
        Return a report once so many more calls have ended.
        """
        enough = _ended(self.report()) + calls

        def report() -> dict[str, Any] | None:
            report = self.report()
            return report if _ended(report) >= enough else None

        result: dict[str, Any] = until(report, f"{calls} calls have ended")
        return result

    def seen_after_s(self, provider: Provider) -> float:
        """
        Return the seconds from a provider's being ready to its first answer.
        """

        def first_at() -> float:
            at: float = self.report()["first_at"].get(str(provider.pid), 0.0)
            return at

        return float(until(first_at, f"{provider.address} is called")) - provider.ready_at

    def end(self) -> dict[str, Any]:
        """
        Make no more calls; return the last report once all have ended.
        """
        last = self.ask("end")
        self.wait()
        return last


def _ended(report: dict[str, Any]) -> int:
    ended: int = report["ok"] + sum(report["failed"].values())
    return ended


class Processes:
    """
    Starts processes; all are ended when the block is left, however that is.

    Args:
        registry: the settings of their ``[registry]``, as ``registry.plugin=...``.
    """

    def __init__(self, *registry: str) -> None:
        self._sets = [*registry]
        self._all: list[Process] = []

    def registry(self, port: int) -> Process:
        """
        Start a registry server; return once it listens.
        """
        listen = f"tcp:127.0.0.1:{port}"
        node = Process("the registry", "rpcfw.cli.main", "registry", "--listen", listen)
        self._all.append(node)
        node.line()
        return node

    def providers(self, count: int, *sets: str) -> list[Provider]:
        """
        Start providers at once; return when all are ready.
        """
        providers = [Provider(*self._sets, *sets) for _ in range(count)]
        self._all += providers
        for each in providers:
            each.wait_ready()
        return providers

    def provider(self, *sets: str) -> Provider:
        """
        Start one.
        """
        return self.providers(1, *sets)[0]

    def load(self, method: str, rate: int, *sets: str) -> Load:
        """
        Start a load; return once the first call has come back.
        """
        return self.loads(1, method, rate, *sets)[0]

    def loads(self, count: int, method: str, rate: int, *sets: str) -> list[Load]:
        """
        Start loads at once; return when the first call of each has come back.
        """
        sets += (
            "plugins.filters.repeats=tests.real.failover.repeats:Repeats",
            "client.insert=repeats after ATTEMPTS",
        )
        what = ("--method", method, "--rate", str(rate))
        loads = [Load(*what, *self._sets, *sets) for _ in range(count)]
        self._all += loads
        for each in loads:
            each.facts()
        return loads

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        for each in reversed(self._all):
            each.close()
