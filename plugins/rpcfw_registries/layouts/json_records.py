"""
The layout of rpcfw itself: a JSON record for each instance, at ``ROOT/SERVICE/ID~SUFFIX``.
"""

from __future__ import annotations

from rpcfw.values.instance import Instance, instance_from_json, instance_to_json
from rpcfw_registries.layouts.layout import Layout, Place
from rpcfw_registries.remote.paths import decoded, encoded, znode_name
from rpcfw_registries.remote.store import Key

__all__ = ["JSONLayout"]


class JSONLayout(Layout):
    """
    Keeps JSON records.

    Args:
        root: path under which everything is kept.
    """

    # ZooKeeper drops the connection over a request of 1 MiB; path and ACL are in it too.
    max_record_bytes = (1 << 20) - (1 << 14)

    def __init__(self, root: str) -> None:
        self._root = root

    @property
    def root(self) -> str:
        return self._root

    def folder(self, service: str) -> str:
        return f"{self._root}/{encoded(service)}"

    def service(self, name: str) -> str:
        return decoded(name)

    def record(self, instance: Instance) -> bytes:
        return instance_to_json(instance)

    def place(self, key: Key, record: bytes) -> Place:
        service, id = key
        return Place(f"{self.folder(service)}/{znode_name(id, record)}", record)

    def instance(self, service: str, name: str, data: bytes) -> Instance:
        instance = instance_from_json(data)
        if instance.service != service:
            raise ValueError(f"it is a record of the service {instance.service!r}")
        return instance

    def fits(self, name: str, instance: Instance, data: bytes) -> bool:
        return name == znode_name(instance.id, data)
