"""
Making a server's services known, and unknown again.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from twisted.logger import Logger

from rpcfw.errors import DeadlineExceeded, SetupError
from rpcfw.server.options import ServerOptions
from rpcfw.spi.registry import Registry
from rpcfw.spi.service import Service
from rpcfw.spi.waiting import limited
from rpcfw.transport.ground import Ground
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance

__all__ = ["Announcing"]

_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104  # to know them, not to bind to them


class Announcing:
    """
    The announced instances of one server.

    Args:
        registry: where.
        options: what they say of themselves.
        ground: for time and chance.
    """

    log = Logger()

    def __init__(self, registry: Registry, options: ServerOptions, ground: Ground) -> None:
        self._registry = registry
        self._options = options
        self._ground = ground
        self._instances: list[Instance] = []

    async def start(self, services: Sequence[Service], addresses: Sequence[Address]) -> None:
        """
        Announce each service; go on without if the registry is away too long.

        Raises:
            RegistryError: it refused for good.
        """
        address = self._options.advertise or _reachable(addresses[0])
        token = f"{self._ground.chance.randrange(1 << 32):08x}"
        for service in services:
            instance = self._instance(type(service).service_name, address, token)
            self._instances.append(instance)
            await self._announce(instance)

    async def stop(self) -> None:
        """
        Withdraw them.
        """
        instances, self._instances = self._instances, []
        for instance in instances:
            await self._registry.withdraw(instance)

    async def _announce(self, instance: Instance) -> None:
        timers = self._ground.timers
        limit_s = self._options.announce_limit
        try:
            await limited(self._registry.announce(instance), timers, timers.seconds() + limit_s)
        except DeadlineExceeded:
            self.log.warn(
                "{service} is not announced yet: the registry did not answer within "
                "announce_limit of {limit:g} s; it will be as soon as it does",
                service=instance.service,
                limit=limit_s,
            )
        else:
            self.log.info(
                "announced {service} at {address}",
                service=instance.service,
                address=str(instance.address),
            )

    def _instance(self, service: str, address: Address, token: str) -> Instance:
        options = self._options
        return Instance(
            service=service,
            id=f"{address.host.rpartition('/')[2]}:{address.port}-{token}",
            address=address,
            protocols=options.protocols,
            weight=options.weight,
            group=options.group,
            version=options.version,
            zone=options.zone,
            tags=_tags(options.tags),
        )


def _reachable(address: Address) -> Address:
    """
    Return where others reach a server that listens on every interface.
    """
    if address.scheme not in ("tcp", "tls") or address.host not in _WILDCARDS:
        return address
    try:
        host = socket.gethostbyname(socket.gethostname())
    except OSError as error:
        raise SetupError(
            f"{address} is every interface and this host's own address is unknown ({error}); "
            "set [server] advertise"
        ) from error
    return Address(address.scheme, host, address.port)


def _tags(texts: tuple[str, ...]) -> dict[str, str]:
    tags = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise SetupError(f"[server] tags: {text!r} is not name=value")
        tags[name.strip()] = value.strip()
    return tags
