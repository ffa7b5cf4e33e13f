"""
What the documents of Dubbo are for, as scopes of `rpcfw.spi.rules`, and their kinds.
"""

from __future__ import annotations

from rpcfw.values.rule import Scope

__all__ = [
    "APPLICATION",
    "CONDITIONS",
    "CONFIGURATORS",
    "KINDS",
    "SERVICE",
    "TAGS",
    "application_scope",
    "service_scope",
]

#: Kinds of scopes.
APPLICATION = "dubbo application"
SERVICE = "dubbo service"

#: Kinds of documents: what stands after the last dot of a node's name.
CONDITIONS = "condition-router"
TAGS = "tag-router"
CONFIGURATORS = "configurators"

#: The documents that a scope may have.
KINDS = {APPLICATION: (TAGS, CONDITIONS, CONFIGURATORS), SERVICE: (CONDITIONS, CONFIGURATORS)}


def application_scope(name: str) -> Scope:
    """
    Return the scope of an application.
    """
    return Scope(APPLICATION, name)


def service_scope(service: str, version: str, group: str) -> Scope:
    """
    Return the scope of one version and group of a service, each of which may be empty.
    """
    return Scope(SERVICE, f"{service}:{version}:{group}")
