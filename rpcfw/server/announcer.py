"""
Announces the services of a server in a registry, and withdraws them.

They are announced until the server stops, except those that a rule takes offline meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import evolve
from twisted.logger import Logger

from rpcfw.errors import DeadlineExceeded, RegistryError
from rpcfw.server.announcement import Announcement
from rpcfw.server.offline import OfflineInstances
from rpcfw.server.options import ServerOptions
from rpcfw.server.reachable import (
    AddressQueries,
    advertised_address,
    is_every_interface,
    is_loopback,
)
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.together import together
from rpcfw.spi.runtime.waiting import with_deadline
from rpcfw.spi.service import Service
from rpcfw.spi.service_class import offered
from rpcfw.transport.runtime import Runtime
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance, in_id

__all__ = ["LIVE_OPTIONS", "Announcer", "with_facts"]

#: Options of ``[server]`` that `Announcer.change_facts` puts in use.
LIVE_OPTIONS = ("weight", "zone", "tags")

#: Lines about what rules change, in a minute; somebody may change them all the time.
_MAX_LINES = 20

#: Rules are waited for at most for this share of ``announce_timeout``.
_RULES_SHARE = 0.5


class Announcer:
    """
    The announced instances of one server.

    Args:
        registry: gets the instances.
        options: the facts about each instance.
        runtime: has timers, random numbers and threads.
        queries: ask the system for the addresses of this machine.
        offline: says which are kept out of the registry.
    """

    log = Logger()

    def __init__(
        self,
        registry: Registry,
        options: ServerOptions,
        runtime: Runtime,
        queries: AddressQueries | None = None,
        offline: OfflineInstances | None = None,
    ) -> None:
        self._registry = registry
        self._queries = queries or AddressQueries()
        self._options = options
        self._runtime = runtime
        self._offline = offline or OfflineInstances()
        self._announcements: list[Announcement] = []
        self._started = False
        self._changes = LimitedLog(self.log, runtime.clock.seconds, burst=_MAX_LINES)
        #: Called after each change: whether something is announced, or all is offline.
        self.changed: Callable[[bool], None] = lambda announced: None

    async def start(self, services: Sequence[Service], addresses: Sequence[Address]) -> None:
        """
        Announce each service that is not offline.

        If the registry does not answer in time, go on without.

        Raises:
            RegistryError: the registry refused, and will again.
            SetupError: the address at which callers reach this server is not known.
        """
        address = await self._address(addresses[0])
        deadline = self._runtime.timers.seconds() + self._options.announce_timeout
        token = f"{self._runtime.random.randrange(1 << 32):08x}"
        await self._rules_known()
        instances = [self._instance(type(service), address, token) for service in services]
        self._announcements = [
            Announcement(self._registry, one, self._answered) for one in instances
        ]
        self._offline.changed = self._follow
        # At the same time: a registry may keep all services of one address in one record.
        await together(*(self._begin(one, deadline) for one in self._announcements))
        self._started = True
        self._tell()

    def change_facts(self, options: ServerOptions) -> None:
        """
        Announce another weight, zone and other tags.
        """
        self._options = with_facts(self._options, options)
        for announcement in self._announcements:
            old = announcement.instance
            new = evolve(old, weight=options.weight, zone=options.zone, tags=_tags(options.tags))
            if new != old:
                announcement.replace(new)

    async def _rules_known(self) -> None:
        """
        Return once it is known what is offline. Without the registry, nobody says so in time.
        """
        # What is left is for the announcement: rules may be kept in another place.
        limit_s = _RULES_SHARE * self._options.announce_timeout
        deadline = self._runtime.timers.seconds() + limit_s
        with suppress(DeadlineExceeded):
            await with_deadline(self._offline.known(), self._runtime.timers, deadline)

    async def _begin(self, announcement: Announcement, deadline: float) -> None:
        place = self._offline.place(announcement.instance)
        if place:
            self._log_offline(announcement.instance, place)
        else:
            await self._announce(announcement, deadline)

    def _follow(self, service: str) -> None:
        """
        Announce or withdraw the instances of a service whose rules have changed.
        """
        for announcement in self._announcements:
            instance = announcement.instance
            place = self._offline.place(instance)
            if instance.service == service and announcement.wanted is bool(place):
                announcement.want(not place)
                if place:
                    self._log_offline(instance, place)
        self._tell()

    def _log_offline(self, instance: Instance, place: str) -> None:
        self._changes.note_of(
            instance.service,
            "{service} at {address} is offline by {place}: calls are served",
            service=instance.service,
            address=str(instance.address),
            place=place,
        )

    def _answered(self, announcement: Announcement) -> None:
        """
        The registry has announced an instance, or refused it.
        """
        service, address = announcement.instance.service, str(announcement.instance.address)
        if announcement.announced:
            text = "announced {service} at {address}"
            self._changes.note_of(service, text, service=service, address=address)
        elif self._started:
            text = "{service} at {address} is not announced, the registry refuses it: {error}"
            error = announcement.refusal
            self._changes.warn_of(service, text, service=service, address=address, error=error)
        self._tell()

    def _tell(self) -> None:
        """
        Say whether something is announced; nothing if the registry has not answered.
        """
        if any(each.announced for each in self._announcements):
            self.changed(True)
        elif not any(each.wanted for each in self._announcements):
            self.changed(False)

    async def _address(self, listened: Address) -> Address:
        """
        Return the address that is announced.
        """
        named = self._options.advertise
        if named is not None:
            return named if named.port or not named.authority else evolve(named, port=listened.port)
        places = self._registry.addresses
        if is_every_interface(listened):
            # It may resolve the registry's name, which blocks.
            threads = self._runtime.plugin_context.threads
            found = await threads.call(advertised_address, listened, places, self._queries)
            self.log.info(
                "{listened} is every interface: {address} is announced, for {why}",
                listened=str(listened),
                address=str(found.address),
                why=found.why,
            )
            return found.address
        if _is_local(listened) and not all(map(_is_local, places)):
            self.log.warn(
                "{address} is announced, which only this machine reaches, to a registry at "
                "{places}, which others read: set [server] listen, or advertise",
                address=str(listened),
                places=", ".join(map(str, places)),
            )
        return listened

    async def stop(self) -> None:
        """
        Withdraw the announced instances.
        """
        self._offline.changed = lambda service: None
        announcements, self._announcements = self._announcements, []
        await together(*(self._stop(each) for each in announcements))

    async def _stop(self, announcement: Announcement) -> None:
        try:
            await announcement.stop()
        except RegistryError as error:
            self.log.warn(
                "{service} could not be withdrawn: {error}",
                service=announcement.instance.service,
                error=error,
            )

    async def _announce(self, announcement: Announcement, deadline: float) -> None:
        instance = announcement.instance
        try:
            await with_deadline(announcement.begin(), self._runtime.timers, deadline)
        except RegistryError as error:
            raise RegistryError(
                f"the registry ({self._registry}) does not take {instance.service}: {error}"
            ) from error
        except DeadlineExceeded:
            self.log.warn(
                "{service} is not announced yet: the registry ({registry}) did not answer within "
                "announce_timeout of {limit:g} s ({reason}); it will be as soon as it does",
                service=instance.service,
                registry=str(self._registry),
                limit=self._options.announce_timeout,
                reason=self._registry.trouble or "is it running?",
            )

    def _instance(self, service: type[Service], address: Address, token: str) -> Instance:
        options = self._options
        return Instance(
            service=service.service_name,
            id=f"{in_id(address.host.rpartition('/')[2])}:{address.port}-{token}",
            address=address,
            protocols=options.protocols,
            weight=options.weight,
            group=options.group,
            version=options.version,
            zone=options.zone,
            started_at=self._runtime.plugin_context.time_of_day(),
            tags=_tags(options.tags),
            methods=tuple(one.method.path.rpartition("/")[2] for one in offered(service)),
        )


def with_facts(options: ServerOptions, facts: ServerOptions) -> ServerOptions:
    """
    Return options with the weight, zone and tags of others.
    """
    changed: ServerOptions = evolve(
        options,  # type: ignore[misc]  # attrs all the same
        **{name: getattr(facts, name) for name in LIVE_OPTIONS},
    )
    return changed


def _is_local(address: Address) -> bool:
    """
    Tell whether only this machine can connect to an address.
    """
    return not address.authority or is_loopback(address.host)


def _tags(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    return {name.strip(): value.strip() for name, _, value in pairs}
