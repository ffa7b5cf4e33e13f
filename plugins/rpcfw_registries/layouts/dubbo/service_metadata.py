"""
Dubbo's metadata of an application: which services an instance of it offers, and how.

Instances with equal services have the same *revision*, which is a hash of them. So their
consumers read one document for all of them. What differs between processes, as the time of the
start, is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

import msgspec
from attrs import frozen

from rpcfw.values.instance import Instance
from rpcfw_registries.layouts.dubbo.provider import provider_url, schemes_of

__all__ = ["OfferedService", "ServiceMetadata", "metadata_of", "offered_services"]

#: Parameters of a provider that are of its process, or have a place of their own.
_NOT_OF_SERVICE: Final = frozenset(
    ("anyhost", "application", "group", "interface", "pid", "rpcfw.id", "timestamp", "version")
)
_REVISION_CHARS = 32


@frozen
class OfferedService:
    """
    An instance of a service, as a part of an instance of an application.

    Args:
        name: by which it is in the metadata.
        facts: what the metadata say of it.
    """

    instance: Instance
    name: str
    facts: dict[str, Any]


@frozen
class ServiceMetadata:
    """
    What the instances of a revision offer.

    Args:
        revision: a name for these services.
        data: the document.
    """

    revision: str
    data: bytes


def metadata_of(application: str, services: Iterable[OfferedService]) -> ServiceMetadata:
    """
    Return the metadata of services that are at one address.
    """
    facts = {service.name: service.facts for service in services}
    revision = sha256(_json([application, facts])).hexdigest()[:_REVISION_CHARS]
    document = {"app": application, "revision": revision, "services": facts}
    return ServiceMetadata(revision, _json(document))


def offered_services(instance: Instance, application: str) -> tuple[OfferedService, ...]:
    """
    Return an instance with what the metadata say of it, once for each protocol.

    Raises:
        RegistryError: the address has no host and port, which Dubbo needs.
    """
    return tuple(_offered(instance, application, scheme) for scheme in schemes_of(instance))


def _offered(instance: Instance, application: str, scheme: str) -> OfferedService:
    url = provider_url(instance, application, scheme)
    given = url.parameters.items()
    facts = {
        "name": instance.service,
        "group": instance.group or None,
        "version": instance.version or None,
        "protocol": url.scheme,
        "port": instance.address.port,
        "path": url.path,
        "params": {name: value for name, value in given if name not in _NOT_OF_SERVICE},
    }
    group, version = instance.group, instance.version
    name = f"{group}{group and '/'}{instance.service}{version and ':'}{version}:{url.scheme}"
    return OfferedService(instance, name, facts)


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
