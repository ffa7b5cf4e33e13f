"""
Instances as the URLs of Dubbo's providers, and back.

Each parameter that Dubbo has for it carries a fact of the instance. What Dubbo has no place for
(the id, the list of protocols) is in parameters that begin with ``rpcfw.``. All other parameters
are tags, both ways: Java consumers take those that they know as defaults, for example
``timeout``, and ``dubbo.tag``.
"""

from __future__ import annotations

import os
from typing import Final

from rpcfw.errors import RegistryError
from rpcfw.values.instance import DEFAULT_WEIGHT, MAX_TEXTS, Instance, check_instance, text_problem
from rpcfw_registries.layouts.dubbo.url import DubboURL

__all__ = ["ID", "PROTOCOL_VERSION", "instance_of", "provider_url", "schemes_of"]

#: The version of the protocol ``dubbo`` that all releases since 2.6 speak.
PROTOCOL_VERSION: Final = "2.0.2"
#: The parameter with the id of an instance.
ID: Final = "rpcfw.id"
_PROTOCOLS = "rpcfw.protocols"
#: Before the name of a tag that is also the name of a parameter below.
_TAG = "rpcfw.tag."
#: Parameters that are no tags: facts of the instance, or of no use to a consumer.
_NO_TAGS: Final = frozenset(
    (
        *("anyhost", "application", "background", "bind.ip", "bind.port", "category"),
        *("deprecated", "disabled", "dubbo", "dynamic", "enabled", "executor-management-mode"),
        *("file-cache", "generic", "group", "interface", "methods", "path", "pid"),
        *("prefer.serialization", "register", "release", "revision", "serialization"),
        *("service-name-mapping", "side", "ssl-enabled", "timestamp", "version", "weight", "zone"),
        *(ID, _PROTOCOLS),
    )
)
_SERIALIZATION = "hessian2"
#: Dubbo's text for a service without a version.
_NO_VERSION = "0.0.0"
#: The protocols of an instance by the scheme of its URL, where they are not the scheme alone.
_SPOKEN: Final = {"tri": ("tri", "grpc")}


def provider_url(instance: Instance, application: str, scheme: str = "") -> DubboURL:
    """
    Return the URL of an instance.

    Args:
        application: name of the application that serves it.
        scheme: one of `schemes_of`; empty: the first.

    Raises:
        RegistryError: its address has no host and port, which Dubbo needs.
    """
    address = instance.address
    if not address.authority:
        raise RegistryError(
            f"layout = dubbo can announce addresses with host and port only, not {address}; "
            "set [server] listen or advertise"
        )
    facts = {
        "anyhost": "false",
        "application": application,
        "deprecated": "false",
        "dubbo": PROTOCOL_VERSION,
        "dynamic": "true",
        "generic": "false",
        "group": instance.group,
        "interface": instance.service,
        "methods": _method_names(instance),
        "pid": str(os.getpid()),
        "prefer.serialization": _SERIALIZATION,
        "revision": instance.version,
        "serialization": _SERIALIZATION,
        "side": "provider",
        "ssl-enabled": "true" if address.secure else "",
        "timestamp": f"{instance.started_at * 1000:.0f}" if instance.started_at else "",
        "version": instance.version,
        "weight": str(instance.weight),
        "zone": instance.zone,
        ID: instance.id,
        _PROTOCOLS: ",".join(instance.protocols),
    }
    parameters = {_tag_parameter(name): value for name, value in instance.tags.items()}
    parameters |= {name: value for name, value in facts.items() if value}
    return DubboURL(
        scheme or schemes_of(instance)[0], address.authority, instance.service, parameters
    )


def _tag_parameter(name: str) -> str:
    if not name or name in _NO_TAGS or name.startswith(_TAG):
        return f"{_TAG}{name}"
    return name


def _method_names(instance: Instance) -> str:
    """
    Return the methods as Java names them; all, if they are not known.
    """
    names = {name.partition("(")[0] for name in instance.methods}
    return ",".join(sorted(names)) or "*"


def schemes_of(instance: Instance) -> tuple[str, ...]:
    """
    Return the protocols that consumers of Dubbo see. An instance has a URL for each.
    """
    spoken = tuple(name for name in ("dubbo", "tri") if name in instance.protocols)
    other = "tri" if "grpc" in instance.protocols else next(iter(instance.protocols), "dubbo")
    return spoken or (other,)


def instance_of(url: DubboURL, service: str) -> Instance | None:
    """
    Return the instance that a URL announces; None if it is disabled.

    Raises:
        ValueError: it is none of the service, or cannot be called.
    """
    given = url.parameters
    _check_service(url, service)
    if given.get("enabled") == "false" or given.get("disabled") == "true":
        return None
    group, version = given.get("group", ""), _version(given.get("version", ""))
    protocols = given.get(_PROTOCOLS)
    instance = Instance(
        service,
        given.get(ID) or _id(url, group, version),
        url.address,
        tuple(protocols.split(",")) if protocols else _SPOKEN.get(url.scheme, (url.scheme,)),
        _number(given.get("weight", str(DEFAULT_WEIGHT)), "weight"),
        group,
        version,
        given.get("zone", ""),
        _number(given.get("timestamp", "0"), "timestamp") / 1000,
        _tags(url),
        application=_application(given.get("application", "")),
    )
    check_instance(instance)
    return instance


def _check_service(url: DubboURL, service: str) -> None:
    given = url.parameters
    category = given.get("category", "providers")
    if category != "providers":
        raise ValueError(f"expected a provider, got a URL of the category {category[:100]!r}")
    interface = given.get("interface", url.path)
    if interface != service:
        raise ValueError(f"it is a provider of {interface[:100]!r}")
    if url.path != service:
        raise ValueError(f"its path is {url.path[:100]!r}, expected the name of the service")


def _application(text: str) -> str:
    """
    Return the name of an application; empty if there can be no documents for it.
    """
    return "" if "/" in text or text_problem(text) else text


def _version(text: str) -> str:
    return "" if text == _NO_VERSION else text


def _id(url: DubboURL, group: str, version: str) -> str:
    """
    Return an id for a provider of Java: the same one after a restart at the same address.
    """
    protocol = "" if url.scheme == "dubbo" else f"{url.scheme}:"
    return f"{protocol}{url.authority}{group and '/'}{group}{version and ':'}{version}"


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ValueError(f"its {what} is {text[:100]!r}, expected a number")
    return int(text)


def _tags(url: DubboURL) -> dict[str, str]:
    names = sorted(name for name in url.parameters if name not in _NO_TAGS)[:MAX_TEXTS]
    return {name.removeprefix(_TAG): url.parameters[name] for name in names}
