"""
Makes an application without starting it, to find the mistakes in its configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from twisted.internet.task import Clock

from rpcfw.app.application import Application
from rpcfw.app.loading import services_problems
from rpcfw.app.plan import Plan, read_plan
from rpcfw.app.reactors import random_source
from rpcfw.cli.registry_sections import read_registry_sections
from rpcfw.cli.running import calls_only, changed
from rpcfw.cluster.probing.options import ProbeOptions
from rpcfw.console.options import ConsoleOptions
from rpcfw.errors import SettingsError, SetupError
from rpcfw.kernel.settings import Sources
from rpcfw.server.options import ServerOptions
from rpcfw.server.reachable import AddressQueries, advertised_address, is_every_interface
from rpcfw.values.address import Address

__all__ = ["assemble"]


def assemble(sources: Sources) -> list[str]:
    """
    Make every part of the application, plugins and services, and start none.

    Returns:
        Notes: facts that are no mistakes but useful to know.

    Raises:
        SettingsError: with every mistake that was found.
    """
    # What only ``rpcfw registry``, ``rpcfw probe`` and ``rpcfw console`` read.
    if sources.has("node") or sources.has("bus"):
        read_registry_sections(sources)
    if sources.has("probe"):
        sources.section("probe", ProbeOptions)
    if sources.has("console"):
        sources.section("console", ConsoleOptions)
    try:
        plan = read_plan(sources)
    except SettingsError as error:
        # What can be known of the services without a plan.
        named = sources.section("server", ServerOptions).services or ()
        place = sources.place("server", "services")
        missing = [f"{place}: {problem}" for problem in services_problems(named)]
        raise SettingsError(*error.mistakes, *missing) from error
    notes: list[str] = []
    mistakes = [mistake for part in _parts(plan) for mistake in _found(part)]
    if not mistakes:
        mistakes = _found(lambda: notes.extend(_notes(Application(plan, Clock(), random_source()))))
    if mistakes:
        raise SettingsError(*mistakes)
    return notes


def _notes(application: Application) -> Iterator[str]:
    """
    Yield the address that would be announced, for a server that listens on every interface.
    """
    options, registry = application.plan.server, application.registry
    if application.server is None or registry is None or options.advertise is not None:
        return
    listened = options.listen[0]
    if isinstance(listened, Address) and is_every_interface(listened):
        try:
            found = advertised_address(listened, registry.addresses, AddressQueries())
        except SetupError as error:
            yield f"started on this machine, it would be refused: {error}"
        else:
            yield f"{listened} is every interface: {found.address} is announced, for {found.why}"


def _found(make: Callable[[], object]) -> list[str]:
    try:
        make()
    except SetupError as error:
        return str(error).splitlines()
    return []


def _parts(plan: Plan) -> Iterator[Callable[[], object]]:
    """
    Yield a function for each part; it makes the part and raises its mistakes.
    """
    yield partial(_make_registry, plan)
    for service in plan.clients:
        yield partial(_make_client, plan, service)
    for target in plan.server.services:
        yield partial(_make_services, plan, target)


def _make_registry(plan: Plan) -> None:
    Application(calls_only(plan), Clock(), random_source())


def _make_services(plan: Plan, target: str) -> None:
    server = changed(plan.server, services=(target,), builtin=())
    alone = changed(calls_only(plan), registry=None, server=server, server_filters=())
    Application(alone, Clock(), random_source())


def _make_client(plan: Plan, service: str) -> None:
    Application(changed(calls_only(plan), registry=None), Clock(), random_source()).channel(service)
