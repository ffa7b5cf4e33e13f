"""
Host names as a registry: every address of a name is an instance.

For servers behind a name that somebody else keeps: a headless service of Kubernetes,
a name with several A records. Nothing is announced anywhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import partial

import attrs

from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Registry, Watch, ignore
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance, Snapshot
from rpcfw.values.units import Seconds
from rpcfw_registries.local.lines import instance_id, instances_from_lines
from rpcfw_registries.local.resolver import LookUp, Name, look_up
from rpcfw_registries.local.table import ANY_SERVICE, InstanceTable, Trouble, Watches

__all__ = ["DNSOptions", "DNSRegistry"]

_MIN_REFRESH_S = 1.0


@options
class DNSOptions:
    """
    Settings of the dns registry.
    """

    instances: str = option(
        NO_DEFAULT,
        "one service on each line: demo.Greeter = tls:greeter.example.com:443 protocols=grpc; "
        "* for every other service",
    )
    refresh_interval: Seconds = option("30s", "time between two lookups of a name", was="refresh")
    max_addresses: int = option("100", "maximum number of addresses of one name", was="limit")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find the lines that cannot be read, and times and limits that are too small.
        """
        for mistake in instances_from_lines(self.instances)[1]:
            yield "instances", mistake
        if self.refresh_interval < _MIN_REFRESH_S:
            yield "refresh_interval", f"must be at least 1s, not {self.refresh_interval:g}s"
        if self.max_addresses < 1:
            yield "max_addresses", f"must be at least 1, not {self.max_addresses}"


class _Resolved(InstanceTable):
    """
    Of a service none of whose names was ever found, it is not known where it is.
    """

    def __init__(self, services: dict[str, list[Instance]]) -> None:
        super().__init__(star=True)
        self._written = frozenset(services)
        self.unknown = set(services)

    def set(self, service: str, instances: list[Instance]) -> None:
        self.unknown.discard(service)
        self._services[service] = {instance.id: instance for instance in instances}
        self._changed(service)

    def snapshot(self, service: str) -> Snapshot | None:
        written = service if service in self._written else ANY_SERVICE
        return None if written in self.unknown else super().snapshot(service)


class DNSRegistry(Registry):
    """
    Looks up host names from the INI file; each address is an instance.

    It is the system that is asked, in another thread, so the hosts file counts and the
    reactor never waits. TLS and gRPC's authority go by the name, not by the address.

    Args:
        ask: looks a name up.
    """

    Options = DNSOptions

    def __init__(
        self, options: DNSOptions, plugin_context: PluginContext, ask: LookUp = look_up
    ) -> None:
        super().__init__(options, plugin_context)
        self._written, _ = instances_from_lines(options.instances)
        self._table = _Resolved(self._written)
        self._watches = Watches(plugin_context.clock, self._table, lambda: Trouble(self.trouble))
        self._names: dict[str, Name] = {}
        for instances in self._written.values():
            for instance in instances:
                host = instance.address.host
                if _is_name(instance.address) and host not in self._names:
                    changed = partial(self._found, host)
                    self._names[host] = Name(
                        host,
                        plugin_context,
                        ask,
                        options.refresh_interval,
                        options.max_addresses,
                        changed,
                    )

    @property
    def trouble(self) -> str:
        return "; ".join(name.trouble for name in self._names.values() if name.trouble)

    async def start(self) -> None:
        for service in self._written:
            self._notify(service)
        for name in self._names.values():
            name.start()

    async def stop(self) -> None:
        self._watches.close()
        for name in self._names.values():
            name.stop()

    async def announce(self, instance: Instance) -> None:
        """
        Do nothing: the names are kept by somebody else.
        """

    async def withdraw(self, instance: Instance) -> None:
        """
        Do nothing, likewise.
        """

    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        return self._watches.open(service, listener, on_refused)

    async def services(self) -> tuple[str, ...]:
        return tuple(sorted(self._written.keys() - {ANY_SERVICE}))

    def _found(self, host: str) -> None:
        for service, instances in self._written.items():
            if any(instance.address.host == host for instance in instances):
                self._notify(service)

    def _notify(self, service: str) -> None:
        """
        Make the list of a service from what is known of its names.
        """
        written = self._written[service]
        found: list[Instance] = []
        for instance in written:
            found += self._instances(instance)
        if found or not written:
            self._table.set(service, found)

    def _instances(self, written: Instance) -> list[Instance]:
        name = self._names.get(written.address.host)
        if name is None or not _is_name(written.address):
            return [written]
        addresses = [attrs.evolve(written.address, at=each) for each in name.addresses or ()]
        return [
            attrs.evolve(written, id=instance_id(address), address=address) for address in addresses
        ]


def _is_name(address: Address) -> bool:
    if address.scheme not in ("tcp", "tls"):
        return False
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        return True
    return False
