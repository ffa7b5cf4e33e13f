"""
How the simulated fleet is laid out in ZooKeeper: as Dubbo has it, which is the cheapest to read.

An instance is an ephemeral znode whose name has all that is known of it. So a consumer needs one
request for each list, and no data.
"""

from __future__ import annotations

from urllib.parse import quote

from benchmarks.registry_scale.scale import Scale, service_name

__all__ = ["ROOT", "announced_at", "folder_of", "path_of"]

ROOT = "/bench"
_MARK = b"announced_at%3D"


def folder_of(service: str) -> str:
    """
    Return the znode whose children are the instances of a service.
    """
    return f"{ROOT}/{service}"


def path_of(number: int, life: int, scale: Scale, at: float) -> str:
    """
    Return the znode of an instance: about 300 characters, as the records have.
    """
    service = service_name(number % scale.services)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:20880"
    facts = "application=checkout&zone=zone-a&version=1.4.2&owner=team-checkout&git=3fe2a91c"
    url = f"dubbo://{address}/{service}?{facts}&life={life}&timestamp=1790000000&announced_at={at:.6f}"
    return f"{folder_of(service)}/{quote(url, safe='')}"


def announced_at(name: bytes) -> float:
    """
    Return when an instance was announced, from the name of its znode.
    """
    return float(name.rpartition(_MARK)[2])
