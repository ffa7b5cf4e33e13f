"""
Calls, errors and times as they are now, and who calls whom.
"""

from __future__ import annotations

from markupsafe import Markup

from rpcfw.console.call_graph import call_graph, drawn
from rpcfw.console.http.messages import Response
from rpcfw.console.load import loads_of
from rpcfw.console.paging import paged
from rpcfw.console.routes import Route, Visit

__all__ = ["ROUTES"]

_PAGE_SIZE = 100
#: More would be no table for people.
_MAX_PORTS = 500


async def _live(visit: Visit) -> Response:
    service = visit.asked("service")
    ports = visit.console.admin_ports.ports
    processes = [one for one, same in ports.items() if same is None]
    now = visit.console.runtime.clock.seconds()
    return visit.page(
        "live.html",
        title=f"Calls of {service}" if service else "Calls",
        service=service,
        page=paged(visit, loads_of(processes, service), _PAGE_SIZE),
        ports=[] if service else [(one, now - one.at, ports[one]) for one in [*ports][:_MAX_PORTS]],
        count=len(processes),
    )


async def _graph(visit: Visit) -> Response:
    about = visit.asked("name")
    fleet = visit.console.fleet
    # Of one service only: of all services that would be as many questions to the registry.
    consumers = await visit.console.consumers.of(about) if fleet.instances(about) else ()
    graph = call_graph(fleet, visit.console.admin_ports.processes, about, consumers)
    return visit.page(
        "graph.html",
        title="Who calls whom",
        about=about,
        # All texts in it are escaped where it is drawn.
        picture=Markup(drawn(graph)) if graph.edges else "",  # noqa: S704
        edges=sorted(graph.edges.items()),
        left_out=graph.left_out,
        count=len(visit.console.admin_ports.processes),
    )


ROUTES = (
    Route("GET", "/live", _live),
    Route("GET", "/graph", _graph),
)
