"""
How large the simulated fleet is, and what each of its members is.
"""

from __future__ import annotations

from random import Random

from attrs import asdict, frozen

from rpcfw.values.address import Address
from rpcfw.values.instance import Instance, instance_to_json
from rpcfw.values.rule import Scope, application_scope, service_scope

__all__ = ["APPLICATION", "Scale", "record", "rules_of", "service_name", "watched_by"]

#: Of all consumers.
APPLICATION = application_scope("bench-shop")


@frozen
class Scale:
    """
    The size of a run.

    Args:
        watched: services that each consumer watches.
        restarted: the part of all instances that is replaced one after the other.
        restart_s: in this time.
        idle_s: how long nothing changes, to see what that costs.
        workers: processes that simulate consumers.
        connect_per_s: consumers that begin in a second.
        digest_s: between two comparisons of the servers. For two of them, servers that have just
            started do not say that there are no rules.
    """

    instances: int = 100_000
    services: int = 2_000
    consumers: int = 10_000
    nodes: int = 3
    watched: int = 20
    restarted: float = 0.1
    restart_s: float = 60.0
    idle_s: float = 15.0
    workers: int = 2
    connect_per_s: float = 400.0
    digest_s: float = 5.0

    def job(self) -> dict[str, float]:
        """
        Return it as JSON has it.
        """
        return asdict(self)


def service_name(number: int) -> str:
    """
    Return the name of a service.
    """
    return f"bench.shop.v1.Service{number:04d}"


def watched_by(consumer: int, scale: Scale) -> list[str]:
    """
    Return the services that one consumer watches.
    """
    count = min(scale.watched, scale.services)
    return [service_name(each) for each in Random(consumer).sample(range(scale.services), count)]


def rules_of(services: list[str]) -> list[Scope]:
    """
    Return whose rules a consumer of some services watches.
    """
    return [*map(service_scope, services), APPLICATION]


def record(number: int, life: int, scale: Scale, announced_at: float) -> tuple[str, str, bytes]:
    """
    Return service, id and record of an instance: about 300 bytes.

    Args:
        life: how often it was restarted; each time under another id.
        announced_at: by the monotonic clock, which all processes of a machine share.
    """
    service = service_name(number % scale.services)
    id = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:20880-{life}"
    instance = Instance(
        service,
        id,
        Address("tcp", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 20880),
        zone="zone-a",
        version="1.4.2",
        started_at=1_790_000_000.0,
        tags={"announced_at": f"{announced_at:.6f}", "owner": "team-checkout", "git": "3fe2a91c"},
    )
    return service, id, instance_to_json(instance)
