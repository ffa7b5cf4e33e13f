"""
Instances announced at application level.

All services at one address are one instance of the application. Its node names the revision of
their metadata, so the metadata are written before it. What is announced or withdrawn in the same
turn of the reactor is written together: a revision stays in the registry for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.together import together
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.instance import Instance
from rpcfw_registries.layouts.dubbo.application_node import application_node
from rpcfw_registries.layouts.dubbo.mapping import check_application
from rpcfw_registries.layouts.dubbo.service_metadata import (
    OfferedService,
    ServiceMetadata,
    metadata_of,
    offered_services,
)
from rpcfw_registries.remote.reconciler import Reconciler
from rpcfw_registries.remote.store import Key
from rpcfw_registries.zookeeper.applications.paths import ApplicationPaths

__all__ = ["ApplicationAnnouncer"]


class ApplicationAnnouncer:
    """
    Announces this process as instances of its application.

    Args:
        application: its name.
        records: keeps the records in ZooKeeper.
        time_of_day: seconds since 1970.
        clock: of the reactor.
    """

    def __init__(
        self,
        application: str,
        paths: ApplicationPaths,
        records: Reconciler,
        time_of_day: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._application = application
        self._paths = paths
        self._records = records
        self._time_of_day = time_of_day
        self._clock = clock
        #: What is announced, by address, then by service and id; once for each protocol.
        self._services: dict[str, dict[Key, tuple[OfferedService, ...]]] = {}
        self._registered_at: dict[str, float] = {}
        #: The revision that was written last, by address.
        self._revisions: dict[str, str] = {}

    async def put(self, instance: Instance) -> None:
        """
        Keep an instance announced; return once it is.

        Raises:
            RegistryError: Dubbo cannot have it, or ZooKeeper refuses it.
        """
        application = check_application(self._application)
        services = offered_services(instance, application)
        address = instance.address.authority
        former = self._forget(instance)
        self._services.setdefault(address, {})[_key(instance)] = services
        self._registered_at.setdefault(address, self._time_of_day())
        mapping = self._paths.of_mapping(instance.service)
        await together(
            self._records.put_record(mapping, application.encode()),
            self._update(address),
            *([] if former in ("", address) else [self._update(former)]),
        )

    async def remove(self, instance: Instance) -> None:
        """
        Keep an instance announced no longer. The mapping stays, as Dubbo leaves it.
        """
        address = self._forget(instance)
        if not address:
            return
        service = instance.service
        if not any(key[0] == service for known in self._services.values() for key in known):
            await self._records.remove_record(self._paths.of_mapping(service))
        await self._update(address)

    def _forget(self, instance: Instance) -> str:
        """
        Forget an instance; return at which address it was, empty if it was not announced.
        """
        for address, known in self._services.items():
            if known.pop(_key(instance), None) is not None:
                return address
        return ""

    async def _update(self, address: str) -> None:
        """
        Write what is at an address. It may change again while this waits.
        """
        await sleep(self._clock, 0)
        refused: RegistryError | None = None
        written: ServiceMetadata | None = None
        while (metadata := self._metadata(address)) is not None and metadata != written:
            refused = await self._publish(metadata)
            written = metadata
        if self._records.stopped:
            return
        if metadata is None:
            await self._remove(address)
        else:
            await self._write(address, metadata.revision)
        if refused is not None:
            raise refused

    def _metadata(self, address: str) -> ServiceMetadata | None:
        services = self._at(address)
        return metadata_of(self._application, services) if services else None

    def _at(self, address: str) -> tuple[OfferedService, ...]:
        return tuple(chain.from_iterable(self._services.get(address, {}).values()))

    async def _publish(self, metadata: ServiceMetadata) -> RegistryError | None:
        key = self._paths.of_metadata(self._application, metadata.revision)
        try:
            await self._records.put_record(key, metadata.data)
        except RegistryError as error:
            return error
        return None

    async def _write(self, address: str, revision: str) -> None:
        services = self._at(address)
        registered_at = self._registered_at[address]
        node = application_node(self._application, services, revision, registered_at)
        former = self._revisions.get(address, revision)
        self._revisions[address] = revision
        await self._records.put_record(self._paths.of_node(self._application, address), node)
        await self._release(former)

    async def _remove(self, address: str) -> None:
        self._services.pop(address, None)
        self._registered_at.pop(address, None)
        revision = self._revisions.pop(address, "")
        await self._records.remove_record(self._paths.of_node(self._application, address))
        await self._release(revision)

    async def _release(self, revision: str) -> None:
        """
        Look no longer after a revision that no address has. Others may have it, so it stays.
        """
        if revision and revision not in self._revisions.values():
            key = self._paths.of_metadata(self._application, revision)
            await self._records.remove_record(key)


def _key(instance: Instance) -> Key:
    return instance.service, instance.id
