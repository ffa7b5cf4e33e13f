"""
``rpcfw demo``: starts the processes, kills one, and says what came of it.
"""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any, NoReturn, TextIO

import msgspec

from rpcfw.cli.codes import FAILED, FINE
from rpcfw.cli.demo.children import Child, ChildError, Children
from rpcfw.cli.table import table
from rpcfw.printable import printable_lines

__all__ = ["add_arguments", "run"]

EPILOG = """\
Takes some seconds, needs nothing but this machine's loopback address, and leaves nothing
behind. Exits with 0 only if no call was lost.
"""

_RPCFW = "rpcfw.cli.main"
_CONSUMER = "rpcfw.cli.demo.consumer"
_SERVICE = "rpcfw.cli.demo.service:Greeter"
_TRIES = "rpcfw.cli.demo.tries:Tries"


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes: nothing.
    """


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Show it, and return the exit code.
    """
    signal.signal(signal.SIGTERM, _terminated)
    try:
        with Children() as children:
            return _Demo(children, out).run()
    except ChildError as error:
        sys.stderr.write(f"the demo could not go on: {printable_lines(str(error))}\n")
        return FAILED


def _terminated(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)  # through every `with` on the way


class _Demo:
    def __init__(self, children: Children, out: TextIO) -> None:
        self._children = children
        self._out = out
        self._registry_at = ""

    def run(self) -> int:
        self._say("A registry, two providers and a consumer, each a process of its own.\n")
        registry = self._start_registry()
        providers = self._start_providers()
        consumer = self._start_consumer(providers)
        self._kill_one(consumer, providers)
        over = self._facts(consumer, "over")
        code = consumer.wait()
        lost = self._tell_result(over, providers)
        if code != FINE or lost:
            return FAILED
        return self._stop([providers["B"], registry])

    def _start_registry(self) -> Child:
        listen = ("--listen", "tcp:127.0.0.1:0", "--log-level", "warn")
        registry = self._children.start("the registry", _RPCFW, "registry", *listen)
        self._registry_at = _address_in(registry.line())
        self._say(
            f"1. The registry server listens at {self._registry_at} (process {registry.pid})."
        )
        self._say("   It keeps who serves what, and tells consumers of each change.\n")
        return registry

    def _start_providers(self) -> dict[str, Child]:
        sets = self._sets(f"server.services={_SERVICE}")
        providers = {
            name: self._children.start(
                f"provider {name}", _RPCFW, "serve", "--log-level", "warn", *sets
            )
            for name in "AB"
        }
        self._say("2. Two providers serve demo.Greeter and announce it to the registry:")
        for name, provider in providers.items():
            address = _address_in(provider.line())
            self._say(f"   provider {name} at {address} (process {provider.pid})")
        return providers

    def _start_consumer(self, providers: Mapping[str, Child]) -> Child:
        filters = (f"plugins.filters.tries={_TRIES}", "client.insert=tries after ATTEMPTS")
        consumer = self._children.start("the consumer", _CONSUMER, *self._sets(*filters))
        self._say(f"\n3. The consumer (process {consumer.pid}) knows the registry alone. It asks")
        self._say("   for demo.Greeter and calls what it finds, in the four shapes of a call:")
        for _ in range(4):
            shown = self._facts(consumer, "shown")
            answers = ", ".join(f'"{answer}"' for answer in shown["answers"])
            self._say(f"   {shown['shape']:14} {shown['call']:19} -> {answers}")
        return consumer

    def _kill_one(self, consumer: Child, providers: Mapping[str, Child]) -> None:
        self._say("\n4. Now 14 callers call in all shapes, as fast as they can.")
        calls = self._facts(consumer, "under way")["calls"]
        victim = providers["A"]
        victim.kill()
        consumer.tell("killed")
        self._say(f"   After {calls:,} calls provider A is killed by SIGKILL: no GOAWAY, its")
        self._say("   connections break with calls on them. The callers go on.")

    def _tell_result(self, over: Mapping[str, Any], providers: Mapping[str, Child]) -> int:
        """
        Say what became of the calls, and return how many were lost.
        """
        shapes = over["shapes"]
        names = {str(child.pid): name for name, child in providers.items()}
        rows = []
        for shape, tally in shapes.items():
            by = {names.get(pid, pid): answered for pid, answered in tally["by"].items()}
            row = (tally["calls"], by.get("A", 0), by.get("B", 0), tally["cut"], len(tally["lost"]))
            rows.append((shape, *(f"{number:,}" for number in row)))
        titles = ("SHAPE", "CALLS", "BY A", "BY B", "ASKED AGAIN", "LOST")
        self._say("\n5. What came of it:")
        self._say("".join(f"   {line}\n" for line in table(titles, rows).splitlines()))
        self._say(f"   {over['repeated']:,} attempts failed with provider A and were repeated at B")
        self._say("   by the framework, within the time of their calls: their methods are marked")
        self._say("   idempotent, or had surely not begun. A stream that is cut in the middle is")
        self._say("   not repeated for you (who knows what you did with its first half?); the")
        self._say("   consumer's own code asked again, as the table shows.\n")
        reasons = [reason for tally in shapes.values() for reason in tally["lost"]]
        if reasons:
            self._say(
                f"{len(reasons)} of {over['calls']:,} calls were LOST, the first: {reasons[0]}"
            )
        else:
            self._say(
                f"{over['calls']:,} calls, every one with its right answer: no call was lost."
            )
        return len(reasons)

    def _stop(self, children: list[Child]) -> int:
        """
        Have those that are left stop gracefully.
        """
        codes = [child.stop() for child in children]
        if any(codes):
            self._say(f"but the remaining processes did not stop gracefully: exit codes {codes}")
            return FAILED
        self._say("\nProvider B and the registry got SIGTERM and stopped gracefully.")
        self._say("Next: README.md has a provider and a consumer of twenty lines each.")
        return FINE

    def _sets(self, *settings: str) -> list[str]:
        every = ("registry.plugin=standalone", f"registry.address={self._registry_at}", *settings)
        return [word for setting in every for word in ("--set", setting)]

    def _facts(self, consumer: Child, event: str) -> dict[str, Any]:
        facts: dict[str, Any] = msgspec.json.decode(consumer.line())
        if facts["event"] != event:
            raise ChildError(f"the consumer says {facts['event']!r}, expected {event!r}")
        return facts

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


def _address_in(line: str) -> str:
    """
    Return the address that a serving command says it is at.
    """
    return line.rpartition(" at ")[2]
