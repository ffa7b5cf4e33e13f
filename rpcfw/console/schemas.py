"""
The methods of a service: as one of its instances describes them, or as Java's providers publish.

An instance describes them by our own service, or by gRPC's server reflection.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from rpcfw.app.application import Application
from rpcfw.client.stub import proxy
from rpcfw.codegen.java.definition import read_definition
from rpcfw.codegen.java.errors import DefinitionError
from rpcfw.console.calling import place_of
from rpcfw.console.fleet import Fleet
from rpcfw.console.forms import FormMethod, java_methods, method_of_schema
from rpcfw.errors import DeadlineExceeded, RPCFWError, Unimplemented
from rpcfw.spi.channel import Channel
from rpcfw.spi.runtime.waiting import with_deadline
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw_inspection.schema import MethodSchema, SchemaService

__all__ = ["Schemas"]

_LIMIT_S = 2.0
#: Wires of servers that may serve `SchemaService`. Those of Dubbo alone may be in Java.
_WITH_SCHEMA = ("native", "grpc", "tri")
#: Instances that are asked until one answers.
_MAX_ASKED = 3
#: A person calls a method several times; a release may change it.
_KEPT_S = 30.0
#: Each may be as large as a message, or as all files of a service.
_MAX_KEPT = 50
#: Of one service, and characters of one schema: no server of ours sends more.
_MAX_METHODS = 500
_MAX_SCHEMA_CHARS = 64 << 10
#: A server that does not serve `SchemaService` is not asked again so soon.
_UNSERVED_S = 300.0
_MAX_UNSERVED = 1000


class Schemas:
    """
    Finds and remembers the methods of services.
    """

    def __init__(self, application: Application, fleet: Fleet) -> None:
        self._application = application
        self._fleet = fleet
        #: With the time at which they were found, the one that was found first coming first.
        self._kept: OrderedDict[str, tuple[float, Sequence[FormMethod]]] = OrderedDict()
        #: Servers without the service, with the time of their answer, likewise.
        self._unserved: OrderedDict[Address, float] = OrderedDict()

    async def methods(self, service: str) -> Sequence[FormMethod]:
        """
        Return the methods of a service; none if nobody says which it has.
        """
        now = self._application.runtime.clock.seconds()
        while self._kept and now - next(iter(self._kept.values()))[0] >= _KEPT_S:
            self._kept.popitem(last=False)
        kept = self._kept.get(service)
        if kept is not None:
            return kept[1]
        found = await self._described(service) or await self._published(service)
        self._kept[service] = self._application.runtime.clock.seconds(), found
        self._kept.move_to_end(service)
        while len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        return found

    async def _described(self, service: str) -> Sequence[FormMethod]:
        for one in self._fleet.instances(service)[:_MAX_ASKED]:
            try:
                found = await self._ask(one, service) or await self._reflected(one, service)
            except (RPCFWError, DeadlineExceeded):  # it does not answer
                continue
            if found:
                return found
        return []

    async def _ask(self, instance: Instance, service: str) -> Sequence[FormMethod]:
        address, protocol = place_of(self._application, instance)
        if protocol not in _WITH_SCHEMA or self._is_unserved(address):
            return []
        async with self._channel(address, protocol, SchemaService.service_name) as channel:
            try:
                found = await proxy(SchemaService, channel).describe(service, timeout=_LIMIT_S)
            except Unimplemented:
                self._note_unserved(address)
                return []
        return [_form_of(each) for each in found[:_MAX_METHODS]]

    def _is_unserved(self, address: Address) -> bool:
        said_at = self._unserved.get(address)
        now = self._application.runtime.clock.seconds()
        return said_at is not None and now - said_at < _UNSERVED_S

    def _note_unserved(self, address: Address) -> None:
        self._unserved[address] = self._application.runtime.clock.seconds()
        self._unserved.move_to_end(address)
        while len(self._unserved) > _MAX_UNSERVED:
            self._unserved.popitem(last=False)

    async def _reflected(self, instance: Instance, service: str) -> Sequence[FormMethod]:
        if "grpc" not in instance.protocols or "grpc" not in self._application.runtime.protocols:
            return []
        try:
            from rpcfw.console.reflection import SERVICES, reflected_methods
        except ModuleNotFoundError:  # the extra grpc
            return []
        timers = self._application.runtime.timers
        async with self._channel(instance.address, "grpc", SERVICES[0]) as channel:
            asked = reflected_methods(channel, service)
            return await with_deadline(asked, timers, timers.seconds() + _LIMIT_S)

    @asynccontextmanager
    async def _channel(self, at: Address, protocol: str, service: str) -> AsyncIterator[Channel]:
        channel = self._application.runtime.plugin_context.open_channel(
            at, protocol, service=service, max_attempts=1
        )
        try:
            yield channel
        finally:
            await channel.close()

    async def _published(self, service: str) -> list[FormMethod]:
        registry, timers = self._application.registry, self._application.runtime.timers
        if registry is None:
            return []
        try:
            asked = registry.definitions(service)
            published = await with_deadline(asked, timers, timers.seconds() + _LIMIT_S)
            if published:
                return java_methods(read_definition(published[0], f"definition of {service}"))
        except (RPCFWError, DeadlineExceeded, DefinitionError):
            return []
        return []


def _form_of(described: MethodSchema) -> FormMethod:
    # Without a schema the request is one text of JSON.
    schema = described.schema if len(described.schema) <= _MAX_SCHEMA_CHARS else ""
    return method_of_schema(described.name, described.shape, schema)
