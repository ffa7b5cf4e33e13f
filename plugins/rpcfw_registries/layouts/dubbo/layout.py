"""
Dubbo's layout, level of interfaces: ``/dubbo/INTERFACE/{providers,consumers}/URL``.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from rpcfw.values.instance import Instance
from rpcfw_registries.layouts.dubbo.provider import (
    PROTOCOL_VERSION,
    instance_of,
    provider_url,
    schemes_of,
)
from rpcfw_registries.layouts.dubbo.url import MAX_NAME_CHARS, DubboURL
from rpcfw_registries.layouts.layout import Layout, Place
from rpcfw_registries.remote.paths import decoded, encoded
from rpcfw_registries.remote.store import Key

__all__ = ["DubboLayout"]

#: Children of the root that are no interfaces.
_NO_SERVICES = frozenset(("config", "mapping", "metadata"))


class DubboLayout(Layout):
    """
    Keeps URLs, as Dubbo does.

    Args:
        root: path under which the interfaces are.
        application: name of this application.
        time_of_day: seconds since 1970.
    """

    # Other versions of Dubbo write other data, or none.
    reads_data = False
    max_record_bytes = MAX_NAME_CHARS

    def __init__(self, root: str, application: str, time_of_day: Callable[[], float]) -> None:
        self._root = root
        self._application = application
        self._time_of_day = time_of_day

    @property
    def root(self) -> str:
        return self._root

    @property
    def lists(self) -> tuple[str, ...]:
        # The second has those that are registered at application level only, too.
        return self._root, f"{self._root}/mapping"

    def folder(self, service: str) -> str:
        return f"{self._root}/{encoded(service)}/providers"

    def service(self, name: str) -> str:
        return "" if name in _NO_SERVICES else decoded(name)

    def record(self, instance: Instance) -> bytes:
        return self._record(instance, schemes_of(instance)[0])

    def further_records(self, instance: Instance) -> dict[str, bytes]:
        # As Dubbo does for a service that is exported with several protocols.
        return {scheme: self._record(instance, scheme) for scheme in schemes_of(instance)[1:]}

    def _record(self, instance: Instance, scheme: str) -> bytes:
        return provider_url(instance, self._application, scheme).node_name.encode()

    def place(self, key: Key, record: bytes) -> Place:
        name = record.decode()
        category = "consumers" if name.startswith("consumer%3A") else "providers"
        return Place(f"{self._root}/{encoded(key[0])}/{category}/{name}", b"")

    def instance(self, service: str, name: str, data: bytes) -> Instance | None:
        return instance_of(DubboURL.parse(name), service)

    def consumer(self, service: str, host: str) -> bytes | None:
        parameters = {
            "application": self._application,
            "category": "consumers",
            "check": "false",
            "dubbo": PROTOCOL_VERSION,
            "interface": service,
            "pid": str(os.getpid()),
            "side": "consumer",
            "timestamp": f"{self._time_of_day() * 1000:.0f}",
        }
        shown = f"[{host}]" if ":" in host else host
        return DubboURL("consumer", shown, service, parameters).node_name.encode()
