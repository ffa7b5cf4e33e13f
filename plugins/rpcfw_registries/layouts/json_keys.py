"""
The layout of rpcfw itself in etcd: a JSON record for each instance, at ``ROOT/SERVICE/ID``.
"""

from __future__ import annotations

from rpcfw.values.instance import Instance
from rpcfw_registries.layouts.json_records import JSONLayout
from rpcfw_registries.layouts.layout import Place
from rpcfw_registries.remote.paths import encoded
from rpcfw_registries.remote.store import Key

__all__ = ["JSONKeys"]


class JSONKeys(JSONLayout):
    """
    Keeps JSON records at names that stay when a record changes: etcd tells each change of a value.
    """

    # etcd takes 1.5 MiB in one request.
    max_record_bytes = 1 << 20

    def place(self, key: Key, record: bytes) -> Place:
        service, id = key
        return Place(f"{self.folder(service)}/{encoded(id)}", record)

    def instance(self, service: str, name: str, data: bytes) -> Instance:
        instance = super().instance(service, name, data)
        # So no two keys have the same id.
        if encoded(instance.id) != name:
            raise ValueError(f"the key of this record ends in /{encoded(instance.id)}")
        return instance
