"""
A registry of each kind, with one server, for tests that are the same with all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.real.commands import registry
from tests.real.etcd_server import EtcdMember
from tests.real.zookeeper_server import ZooKeeperServer
from tests.requirements import require_etcd, require_zookeeper

__all__ = ["REGISTRIES", "one_registry"]

#: The kinds, as parameters of a fixture or a test.
REGISTRIES = (
    "standalone",
    pytest.param("etcd", marks=pytest.mark.etcd),
    pytest.param("zookeeper", marks=pytest.mark.zookeeper),
)


@contextmanager
def one_registry(plugin: str) -> Iterator[str]:
    """
    Run a registry of a kind, and yield its address.
    """
    if plugin == "standalone":
        node, address = registry()
        with node:
            yield address
        return
    {"etcd": require_etcd, "zookeeper": require_zookeeper}[plugin]()
    server = {"etcd": EtcdMember, "zookeeper": ZooKeeperServer}[plugin]()
    server.serve()
    try:
        yield server.address
    finally:
        server.remove()
