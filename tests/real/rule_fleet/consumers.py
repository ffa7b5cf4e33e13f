"""
Consumers in one process: ``consumers INI COUNT`` makes so many applications.

Each has its own connection to the registry. Whenever one of them puts other rules in use, or
logs something about rules, it writes a line of JSON. A line of input with a question mark is
answered when everything that came before it is written. Any other line names a file with a
record of rules, which is stored as it is, unchecked. The process ends at the end of its input.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from twisted.logger import globalLogPublisher

from rpcfw.app.application import Application
from rpcfw.cli.stdin import Lines
from rpcfw.spi.runtime.files import read_regular
from rpcfw.values.rule import service_scope
from rpcfw_registries.rules.store import RecordStore
from tests.real.rule_fleet.words import SERVICE

#: Where lines about rules come from.
_NAMESPACES = ("rpcfw.app.rules", "rpcfw_registries.rules")

#: More than any record that is stored by hand.
_MAX_BYTES = 1 << 20


def main() -> None:
    """
    Run the consumers.
    """
    file, count = sys.argv[1:]
    globalLogPublisher.addObserver(_tell_line)
    first, *others = (Application.from_ini(file) for _ in range(int(count)))
    for number, application in enumerate((first, *others)):
        application.channel(SERVICE)
        _note_uses(application, number)

    async def run() -> None:
        for application in others:
            await application.start()
        _write({"started": len(others) + 1})
        async for line in Lines(first.runtime.reactor, sys.stdin.fileno(), 1 << 10):
            if line != b"?":
                await _store(first, read_regular(Path(line.decode()), _MAX_BYTES))
            _write({"all": True})
        for application in others:
            await application.stop()

    first.run(run)


def _note_uses(application: Application, number: int) -> None:
    policies: Any = application.policies
    policies.follow = partial(_follow, policies, policies.follow, number)


async def _follow(policies: Any, follow: Any, number: int, service: str, layer: Any) -> None:
    await follow(service, layer)
    timeout_s = policies.options("client", SERVICE).timeout
    _write({"consumer": number, "timeout_s": timeout_s, "at": time.time()})


async def _store(application: Application, record: bytes) -> None:
    store: RecordStore = application.rules._store  # type: ignore[union-attr]  # noqa: SLF001
    scope = service_scope(SERVICE)
    stored = await store.read(scope)
    assert await store.write(scope, record, stored.history, stored.stamp)


def _tell_line(event: dict[str, Any]) -> None:
    if event.get("log_namespace", "").startswith(_NAMESPACES):
        _write({"line": event["log_format"].format(**event)})


def _write(facts: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
