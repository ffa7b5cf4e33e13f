"""
Dubbo's node of an instance of an application, as Curator's service discovery writes it.

Its path is ``/services/APPLICATION/HOST:PORT``, and stays when its data changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from rpcfw_registries.layouts.dubbo.provider import ID
from rpcfw_registries.layouts.dubbo.service_metadata import OfferedService

__all__ = ["REVISION", "STORAGE", "application_node"]

#: Names in the metadata of the node.
ENDPOINTS: Final = "dubbo.endpoints"
REVISION: Final = "dubbo.metadata.revision"
STORAGE: Final = "dubbo.metadata.storage-type"

_CLASS: Final = "org.apache.dubbo.registry.zookeeper.ZookeeperInstance"


def application_node(
    application: str, services: Sequence[OfferedService], revision: str, registered_at: float
) -> bytes:
    """
    Return the data of the node of services that are at one address.

    Args:
        services: where they differ in what is of the process, the last one counts.
        revision: of their metadata, which is kept in the registry.
        registered_at: seconds since 1970.
    """
    last = services[-1].instance
    address, id = last.address, last.address.authority
    ports = {each.facts["protocol"]: each.facts["port"] for each in services}
    endpoints = [{"port": port, "protocol": scheme} for scheme, port in sorted(ports.items())]
    metadata = {
        ENDPOINTS: msgspec.json.encode(endpoints).decode(),
        REVISION: revision,
        STORAGE: "remote",
        "timestamp": f"{last.started_at * 1000:.0f}",
        ID: last.id,
    }
    host = f"[{address.host}]" if ":" in address.host else address.host
    payload = {"@class": _CLASS, "id": id, "name": application, "metadata": metadata}
    return msgspec.json.encode(
        {
            "name": application,
            "id": id,
            "address": host,
            "port": address.port,
            "sslPort": None,
            "payload": payload,
            "registrationTimeUTC": round(registered_at * 1000),
            "serviceType": "DYNAMIC",
            "uriSpec": None,
        }
    )
