"""
Who calls whom: applications and services as nodes, drawn as SVG.

Consumers say at their admin ports which services they call. A service is drawn as the application
that serves it, if that is known, and else by its own name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from attrs import define, frozen

from rpcfw.console.fleet import Fleet, application_of
from rpcfw.console.seen_process import MethodRate, SeenProcess
from rpcfw.printable import printable

__all__ = ["CallGraph", "call_graph", "drawn"]

#: More would be no picture.
_MAX_NODES = 120
_MAX_EDGES = 400

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 200, 34, 110, 16, 12
_MAX_CHARS = 28


@define
class Edge:
    """
    Calls of one node to another.

    Args:
        services: that are called.
        counted: a process says how many calls there are.
        listed: the registry lists a consumer; no process says anything of these calls.
    """

    services: set[str]
    counted: bool = False
    listed: bool = False
    calls_per_s: float = 0.0
    failures_per_s: float = 0.0


@frozen
class CallGraph:
    """
    The nodes and edges.

    Args:
        left_out: edges that are not shown.
    """

    edges: Mapping[tuple[str, str], Edge]
    left_out: int

    @property
    def nodes(self) -> list[str]:
        """
        The names of the nodes, in their order.
        """
        return sorted({name for pair in self.edges for name in pair})


def call_graph(
    fleet: Fleet,
    processes: Iterable[SeenProcess],
    about: str = "",
    consumers: Iterable[str] = (),
) -> CallGraph:
    """
    Return who calls whom.

    Args:
        about: a service or an application; only calls from it or to it. Empty: all.
        consumers: applications that call the service ``about``, as the registry lists them.
    """
    edges: dict[tuple[str, str], Edge] = {}
    for process in processes:
        if process.said is None:
            continue
        caller = process.said.process.application or str(process.address)
        rates: dict[str, list[MethodRate]] = {}
        for rate in process.rates:
            if rate.of.side == "client":
                rates.setdefault(rate.of.service, []).append(rate)
        for called in process.said.called_services:
            callee = _node_of(fleet, called.service)
            if about and about not in (caller, callee, called.service):
                continue
            edge = edges.setdefault((caller, callee), Edge(set()))
            edge.services.add(called.service)
            edge.counted = edge.counted or process.counted
            own = rates.get(called.service, [])
            edge.calls_per_s += sum(rate.calls_per_s or 0.0 for rate in own)
            edge.failures_per_s += sum(rate.failures_per_s or 0.0 for rate in own)
    for caller in consumers:
        pair = caller, _node_of(fleet, about)
        if pair not in edges:
            edges[pair] = Edge({about}, listed=True)
    return _bounded(edges)


def _node_of(fleet: Fleet, service: str) -> str:
    names = {application_of(one) for one in fleet.instances(service)} - {""}
    return min(names) if len(names) == 1 else service


def _bounded(edges: dict[tuple[str, str], Edge]) -> CallGraph:
    """
    Keep the edges with the most calls, and no more than a picture can show.
    """
    kept: dict[tuple[str, str], Edge] = {}
    nodes: set[str] = set()
    for pair, edge in sorted(edges.items(), key=lambda one: (-one[1].calls_per_s, one[0])):
        if len(kept) < _MAX_EDGES and len(nodes | {*pair}) <= _MAX_NODES:
            kept[pair] = edge
            nodes |= {*pair}
    return CallGraph(kept, len(edges) - len(kept))


def _columns(graph: CallGraph) -> list[list[str]]:
    """
    Return the nodes in columns: a callee is right of its callers, but for circles.
    """
    depth = dict.fromkeys(graph.nodes, 0)
    for _ in range(len(depth)):
        moved = False
        for caller, callee in graph.edges:
            if caller != callee and depth[callee] <= depth[caller] < len(depth) - 1:
                depth[callee] = depth[caller] + 1
                moved = True
        if not moved:
            break
    used = sorted({*depth.values()})
    return [[name for name in graph.nodes if depth[name] == at] for at in used]


def drawn(graph: CallGraph) -> str:
    """
    Return the picture.
    """
    columns = _columns(graph)
    places = {
        name: (_MARGIN + x * (_WIDTH + _GAP_X), _MARGIN + y * (_HEIGHT + _GAP_Y))
        for x, column in enumerate(columns)
        for y, name in enumerate(column)
    }
    width = 2 * _MARGIN + len(columns) * (_WIDTH + _GAP_X) - _GAP_X
    rows = max(map(len, columns), default=0)
    height = 2 * _MARGIN + rows * (_HEIGHT + _GAP_Y)
    head = (
        f'<svg class="graph" id="call-graph" viewBox="0 0 {width} {height}" width="{width}" '
        'role="img" aria-labelledby="graph-title"><title id="graph-title">Who calls whom</title>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8"/></marker></defs>'
    )
    edges = (_edge(places, pair, edge) for pair, edge in sorted(graph.edges.items()))
    boxes = (_box(name, *places[name]) for name in graph.nodes)
    return "".join((head, *edges, *boxes, "</svg>"))


def _edge(places: Mapping[str, tuple[int, int]], pair: tuple[str, str], edge: Edge) -> str:
    (x1, y1), (x2, y2) = (places[name] for name in pair)
    x1, y1, y2 = x1 + _WIDTH, y1 + _HEIGHT // 2, y2 + _HEIGHT // 2
    bend = _GAP_X // 2
    kind = ' class="failing"' if edge.failures_per_s else ""
    said, shown = _frequency(edge)
    title = f"{_text(pair[0])} → {_text(pair[1])}: {said}"
    title += f", {edge.failures_per_s:.1f} fail" if edge.failures_per_s else ""
    path = f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    x, y = (x1 + x2) // 2, (y1 + y2) // 2 - 6
    rate = f'<text x="{x}" y="{y}" class="rate">{shown}</text>'
    line = f'<path d="{path}" marker-end="url(#tip)"{kind}><title>{title}</title></path>'
    return line + rate


def _frequency(edge: Edge) -> tuple[str, str]:
    """
    Return how often there are calls, as a sentence and in short.
    """
    if edge.counted:
        return f"{edge.calls_per_s:.1f} calls/s", f"{edge.calls_per_s:.1f}/s"
    if edge.listed:
        return "listed in the registry", "listed"
    return "calls/s are not known", "?"


def _box(name: str, x: int, y: int) -> str:
    short = name if len(name) <= _MAX_CHARS else f"…{name[1 - _MAX_CHARS :]}"
    return (
        f'<g><title>{_text(name)}</title><rect x="{x}" y="{y}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="5"/><text x="{x + 10}" y="{y + 21}">{_text(short)}</text></g>'
    )


def _text(text: str) -> str:
    return escape(printable(text[:300]))
