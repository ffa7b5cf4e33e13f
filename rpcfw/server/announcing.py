"""
Making a server's services known, and unknown again.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence

from twisted.logger import Logger

from rpcfw.errors import DeadlineExceeded, RegistryError, SettingsError, SetupError
from rpcfw.server.options import ServerOptions
from rpcfw.spi.registry import Registry
from rpcfw.spi.service import Service
from rpcfw.spi.waiting import limited
from rpcfw.transport.ground import Ground
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance

__all__ = ["Announcing", "check"]

#: What may not stand in an instance's id.
_UNFIT = re.compile(r"[^0-9A-Za-z\-_.:]")
_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104  # to know them, not to bind to them


def check(options: ServerOptions) -> None:
    """
    Look at the options, before anything is started.

    Raises:
        SettingsError: with every mistake.
    """
    mistakes = options.mistakes()
    if mistakes:
        raise SettingsError(*mistakes)


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
        deadline = self._ground.timers.seconds() + self._options.announce_limit
        token = f"{self._ground.chance.randrange(1 << 32):08x}"
        for service in services:
            instance = self._instance(type(service).service_name, address, token)
            self._instances.append(instance)
            # One limit for all: each is asked for, and waited for while there is time.
            await self._announce(instance, deadline)

    async def stop(self) -> None:
        """
        Withdraw them.
        """
        instances, self._instances = self._instances, []
        for instance in instances:
            try:
                await self._registry.withdraw(instance)
            except RegistryError as error:
                self.log.warn(
                    "{service} could not be withdrawn: {error}",
                    service=instance.service,
                    error=error,
                )

    async def _announce(self, instance: Instance, deadline: float) -> None:
        try:
            await limited(self._registry.announce(instance), self._ground.timers, deadline)
        except DeadlineExceeded:
            self.log.warn(
                "{service} is not announced yet: the registry did not answer within "
                "announce_limit of {limit:g} s; it will be as soon as it does",
                service=instance.service,
                limit=self._options.announce_limit,
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
            id=f"{_UNFIT.sub('_', address.host.rpartition('/')[2])}:{address.port}-{token}",
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
    pairs = [text.partition("=") for text in texts]
    return {name.strip(): value.strip() for name, _, value in pairs}
