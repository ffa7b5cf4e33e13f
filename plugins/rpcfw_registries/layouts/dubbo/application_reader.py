"""
What others wrote at application level: nodes, metadata and mappings. None of it is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec
from attrs import field, frozen

from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw_registries.layouts.dubbo.application_node import REVISION, STORAGE
from rpcfw_registries.layouts.dubbo.provider import instance_of
from rpcfw_registries.layouts.dubbo.url import SCHEME, DubboURL

__all__ = [
    "MetadataService",
    "ProviderNode",
    "Service",
    "Services",
    "applications_in",
    "instances_of",
    "read_node",
    "read_services",
    "services_of",
]

T = TypeVar("T")

_METADATA_SERVICE: Final = "dubbo.metadata-service.url-params"
#: Names in the metadata of a node that are its own affairs, and no parameters of services.
_OF_NODE: Final = frozenset(
    ("dubbo.endpoints", REVISION, STORAGE, _METADATA_SERVICE, "meta-v", "EXPORTED-SERVICES")
)
#: Of one node. Those of Java have about one kilobyte.
_MAX_NODE_BYTES: Final = 1 << 16
#: Of one process, and of one service.
_MAX_SERVICES: Final = 10_000
_MAX_PARAMETERS: Final = 1000
#: That offer one interface.
_MAX_APPLICATIONS: Final = 100
_REVISION_TEXT = re.compile(r"[0-9A-Za-z_.\-]{1,128}\Z")
_APPLICATION_TEXT = re.compile(r"[^\s,/\x00-\x1f\x7f]{1,256}\Z")
#: Of a process that offers nothing.
_NOTHING = "0"


class _Payload(msgspec.Struct):
    metadata: dict[str, str | None] | None = None


class _Node(msgspec.Struct):
    address: str
    port: int
    payload: _Payload | None = None


class _MetadataService(msgspec.Struct):
    port: str | int = 0
    protocol: str = "dubbo"


class Service(msgspec.Struct):
    """
    One service of a process.
    """

    name: str
    protocol: str
    port: int | None = None
    group: str | None = None
    version: str | None = None
    path: str | None = None
    params: dict[str, str | None] | None = None


class _Services(msgspec.Struct):
    services: dict[str, Service] | None = None


#: By name. Several have one name if they differ in protocol, group or version.
Services = Mapping[str, tuple[Service, ...]]


@frozen
class MetadataService:
    """
    Where a process answers which services it offers.
    """

    address: Address
    protocol: str


@frozen
class ProviderNode:
    """
    One process.

    Args:
        revision: of its services; empty if it offers none.
        remote: the services are in the registry. Otherwise the process is asked.
        parameters: which all its services have.
    """

    host: str
    port: int
    revision: str
    remote: bool
    parameters: Mapping[str, str]
    service: str = field(default="", repr=False)

    def metadata_service(self) -> MetadataService:
        """
        Return where to ask it.

        Raises:
            ValueError: it does not say so.
        """
        given = _decoded(self.service.encode() or b"{}", _MetadataService, "metadata service")
        port = int(given.port) if str(given.port).isdigit() else 0
        return MetadataService(_address(self.host, port or self.port), given.protocol)


def read_node(data: bytes) -> ProviderNode:
    """
    Read the node of a process.

    Raises:
        ValueError: it is none.
    """
    if len(data) > _MAX_NODE_BYTES:
        raise ValueError(f"the node has {len(data)} bytes, more than {_MAX_NODE_BYTES}")
    node = _decoded(data, _Node, "node")
    metadata = _texts((node.payload and node.payload.metadata) or {})
    revision = metadata.get(REVISION, "")
    if revision and not _REVISION_TEXT.match(revision):
        raise ValueError(f"its revision is {revision[:100]!r}, expected letters and digits")
    _address(node.address, node.port)
    return ProviderNode(
        node.address,
        node.port,
        "" if revision == _NOTHING else revision,
        metadata.get(STORAGE) == "remote",
        {name: value for name, value in metadata.items() if name not in _OF_NODE},
        metadata.get(_METADATA_SERVICE, ""),
    )


def read_services(data: bytes) -> Services:
    """
    Read the metadata of a revision.

    Raises:
        ValueError: they are none.
    """
    return _by_name(_decoded(data, _Services, "metadata"))


def services_of(metadata: Any) -> Services:
    """
    Read the metadata that a process has answered, as maps.

    Raises:
        ValueError: they are none.
    """
    try:
        return _by_name(msgspec.convert(metadata, _Services))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"not the metadata of Dubbo: {error}") from None


def _by_name(metadata: _Services) -> Services:
    services = metadata.services or {}
    if len(services) > _MAX_SERVICES:
        raise ValueError(f"there are {len(services)} services, more than {_MAX_SERVICES}")
    found: dict[str, tuple[Service, ...]] = {}
    for service in services.values():
        found[service.name] = (*found.get(service.name, ()), service)
    return found


def instances_of(node: ProviderNode, service: Service) -> Instance | None:
    """
    Return a service of a process as an instance; None if it is disabled.

    Raises:
        ValueError: it cannot be called.
    """
    if not SCHEME.match(service.protocol):
        raise ValueError(f"its protocol is {service.protocol[:100]!r}, expected a name as dubbo")
    parameters = {
        **node.parameters,
        **_texts(service.params or {}),
        "interface": service.name,
        "group": service.group or "",
        "version": service.version or "",
    }
    authority = _authority(node.host, service.port or node.port)
    url = DubboURL(service.protocol, authority, service.path or service.name, parameters)
    return instance_of(url, service.name)


def applications_in(data: bytes) -> Iterator[str]:
    """
    Return the applications in a mapping; those that no application can be called are left out.

    Raises:
        ValueError: it is no text, or has too many.
    """
    names = data.decode().split(",")
    if len(names) > _MAX_APPLICATIONS:
        raise ValueError(f"it has {len(names)} applications, more than {_MAX_APPLICATIONS}")
    stripped: Iterable[str] = dict.fromkeys(name.strip() for name in names)
    return (name for name in stripped if _APPLICATION_TEXT.match(name) and name.strip("."))


def _decoded(data: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"not a {what} of Dubbo: {error}") from None


def _texts(given: Mapping[str, str | None]) -> dict[str, str]:
    if len(given) > _MAX_PARAMETERS:
        raise ValueError(f"there are {len(given)} parameters, more than {_MAX_PARAMETERS}")
    return {name: value for name, value in given.items() if value is not None}


def _address(host: str, port: int) -> Address:
    if not 0 < port < 1 << 16:
        raise ValueError(f"its port is {port}, expected 1 to 65535")
    return Address.parse(f"tcp:{_authority(host, port)}")


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
