"""
The servers of an application: of its services, and of what shows the process to tools.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve

from rpcfw.app.loading import load_services
from rpcfw.app.plan import Plan
from rpcfw.errors import ContractError
from rpcfw.kernel.edits import Insert
from rpcfw.server.options import ServerOptions
from rpcfw.server.server import Server
from rpcfw.spi.filter import Filter
from rpcfw.spi.inspection import Clients
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.service import Service
from rpcfw.transport.runtime import Runtime

__all__ = ["Services", "make_inspection", "make_server"]

#: Service objects, or what makes them from the context that plugins have, too.
Services = Sequence[Service] | Callable[[PluginContext], Sequence[Service]]


def make_server(
    plan: Plan, runtime: Runtime, services: Services, clients: Clients
) -> Server | None:
    """
    Return the server of a process, if it serves anything.

    Args:
        services: served beside those that the plan names.
        clients: what the process calls.
    """
    context, place = runtime.plugin_context, plan.sources.place("server", "services")
    made = services(context) if callable(services) else services
    served = [*made, *load_services(plan.server.services, context, place)]
    if not served:
        return None
    builtin = [chosen.make(context) for chosen in plan.builtin]
    filters = _filters(plan, context)
    try:
        server = Server(runtime, plan.server, served, filters, builtin, clients)
    except ContractError as error:
        if not plan.server.services:
            raise  # of the program's own
        raise ContractError(f"{place}: {error}") from error
    context.load.enabled = plan.server.load_report
    context.load.calls = lambda: server.stack.metrics.calls.started
    return server


def make_inspection(
    plan: Plan, runtime: Runtime, server: Server | None, clients: Clients
) -> Server | None:
    """
    Return what listens at the ports of ``[inspection]``, if there are any.

    It has the filters and the limits of ``[server]``, and is announced nowhere.

    Args:
        server: what it shows; None: the process only calls.
        clients: what the process calls.
    """
    if not plan.inspection.listen:
        return None
    context = runtime.plugin_context
    options: ServerOptions = evolve(
        plan.server,  # type: ignore[misc]  # attrs all the same
        listen=plan.inspection.listen,
        protocols=plan.inspection.protocols,
        services=(),
        advertise=None,
        announce_delay=0.0,
        threads=1,
    )
    builtin = [chosen.make(context) for chosen in plan.inspection_services]
    described = None if server is None else server.inspection
    return Server(runtime, options, (), _filters(plan, context), builtin, clients, described)


def _filters(plan: Plan, context: PluginContext) -> list[tuple[Insert, Filter]]:
    by_section = {each.section: each for _, each in plan.server_filters}
    made = {section: chosen.make(context) for section, chosen in by_section.items()}
    return [(edit, made[chosen.section]) for edit, chosen in plan.server_filters]
