"""
Search: services, instances and applications by a part of their names.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.console.fleet import Fleet, FleetService, application_of
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.instance import Instance

__all__ = ["found_applications", "found_instances", "found_services"]

#: Of a search for instances: whoever wants more writes more.
_MAX_INSTANCES = 200
_TURN_S = 0.01


def found_services(fleet: Fleet, text: str) -> list[FleetService]:
    """
    Return the services with this text in their names, whether in capitals or not.
    """
    wanted = text.lower()
    return [each for each in fleet.services() if wanted in each.name.lower()]


def found_applications(fleet: Fleet, text: str) -> list[tuple[str, list[Instance]]]:
    """
    Return the applications with this text in their names.
    """
    wanted = text.lower()
    return [each for each in fleet.applications().items() if wanted in each[0].lower()]


async def found_instances(fleet: Fleet, text: str, clock: Clock) -> list[Instance]:
    """
    Return the instances with this text in address, id, version, zone, group or a tag.

    Of a hundred thousand instances that takes a second or more, in which others are served too.
    """
    wanted = text.lower()
    found = []
    turn_ends_at = clock.seconds() + _TURN_S
    for service in fleet.services():
        for one in service.instances:
            if clock.seconds() >= turn_ends_at:
                await sleep(clock, 0)
                turn_ends_at = clock.seconds() + _TURN_S
            if any(wanted in each.lower() for each in _texts(one)):
                found.append(one)
                if len(found) == _MAX_INSTANCES:
                    return found
    return found


def _texts(one: Instance) -> Iterator[str]:
    yield from (str(one.address), one.id, one.version, one.zone, one.group, application_of(one))
    for name, value in one.tags.items():
        yield f"{name}={value}"
