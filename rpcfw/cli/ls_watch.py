"""
``rpcfw ls --watch``: what comes, goes and changes in a registry, a line for each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

import msgspec
from twisted.logger import Logger

from rpcfw.cluster.probing.watched import WatchedServices
from rpcfw.printable import printable, printable_json
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter
from rpcfw.values.instance import Instance, instance_to_json
from rpcfw.values.probe_report import ALL_SERVICES

__all__ = ["InstanceChanges", "as_json", "as_text", "watch"]

_log = Logger()

#: Between two questions which services there are; instances come at once.
_REFRESH_S = 2.0

#: What is shown of an instance, and compared.
_FIELDS = ("weight", "version", "zone", "group", "protocols", "application", "tags")

#: Gets what happened, the instance, and what it was before if it has changed.
Report = Callable[[str, Instance, Instance | None], None]


class InstanceChanges:
    """
    Finds what is new in the lists of a registry.

    Args:
        report: called for each instance that was ``added``, ``removed`` or ``changed``.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._known: dict[str, dict[str, Instance]] = {}

    def take(self, service: str, instances: Iterable[Instance]) -> None:
        """
        Take the list of a service as it is now.
        """
        before = self._known.get(service, {})
        now = self._known[service] = {one.id: one for one in instances}
        for id, one in sorted(before.items()):
            if id not in now:
                self._report("removed", one, None)
        for id, one in sorted(now.items()):
            was = before.get(id)
            if was is None:
                self._report("added", one, None)
            elif was != one:
                self._report("changed", one, was)


async def watch(registry: Registry, only: str | None, clock: Clock, report: Report) -> None:
    """
    Report the instances that there are, and then each change, until this is cancelled.

    Args:
        only: one service, which need not be there yet; None: all.
    """
    changes = InstanceChanges(report)
    names = (ALL_SERVICES if only is None else only,)
    log = LimitedLog(_log, clock.seconds)
    watched = WatchedServices(registry, names, _REFRESH_S, clock, log, changes.take)
    never: Waiter[None] = Waiter()
    watched.start()
    try:
        await never
    except CANCELLED:
        return
    finally:
        watched.stop()


def as_text(time: str, what: str, one: Instance, was: Instance | None) -> str:
    """
    Return a line for a person.
    """
    details = _described(one) if was is None else _differences(was, one)
    words = (time, f"{what:7}", one.service, str(one.address), *details)
    return "  ".join(printable(word) for word in words) + "\n"


def as_json(time: str, what: str, one: Instance) -> str:
    """
    Return a line for a program.
    """
    record = {"time": time, "change": what, "instance": msgspec.json.decode(instance_to_json(one))}
    return printable_json(json.dumps(record)) + "\n"


def _described(one: Instance) -> Iterator[str]:
    for name in _FIELDS:
        if getattr(one, name):
            yield f"{name}={_shown(one, name)}"


def _differences(was: Instance, now: Instance) -> Iterator[str]:
    for name in ("address", *_FIELDS):
        if getattr(was, name) != getattr(now, name):
            yield f"{name}={_shown(was, name)} -> {_shown(now, name)}"


def _shown(one: Instance, name: str) -> str:
    value = getattr(one, name)
    if name == "tags":
        return ",".join(f"{key}={text}" for key, text in sorted(value.items()))
    return ",".join(value) if name == "protocols" else str(value)
