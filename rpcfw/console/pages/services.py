"""
Services, instances and applications: lists, search, and a page for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from attrs import frozen

from rpcfw.app.rules.edited_instances import instances_of
from rpcfw.cluster.instance_rules import InstanceRule
from rpcfw.console.announced_ports import ADMIN_TAG
from rpcfw.console.fleet import APPLICATION_TAG, FleetService, application_of
from rpcfw.console.http.messages import Response
from rpcfw.console.load import Load, load_in, loads_of
from rpcfw.console.paging import paged
from rpcfw.console.routes import Route, Visit
from rpcfw.console.ruled import Ruled, ruled
from rpcfw.console.search import found_applications, found_instances, found_services
from rpcfw.console.seen_process import SeenProcess
from rpcfw.errors import RPCFWError
from rpcfw.values.instance import Instance
from rpcfw.values.rule import service_scope

__all__ = ["ROUTES"]

_PAGE_SIZE = 250
#: Tags that are shown elsewhere.
_OWN_COLUMNS = (ADMIN_TAG, APPLICATION_TAG)
#: Versions and zones that a line of the list names.
_MAX_NAMED = 4


@frozen
class _Line:
    """
    One service in the list.
    """

    name: str
    link: str
    count: int
    dead: int
    versions: str
    zones: str
    applications: str
    load: Load | None


@frozen
class _Shown:
    """
    One instance.

    Args:
        health: ``reached``, ``not reached`` or ``not probed``.
        why: what the health is based on.
        tags: but for those that have columns of their own.
    """

    one: Instance
    health: str
    why: str
    phase: str
    application: str
    by_rules: Ruled
    load: Load | None
    tags: Mapping[str, str]

    @property
    def state(self) -> str:
        """
        Whether it gets calls, as rules say.
        """
        if self.by_rules.offline:
            return "offline"
        return "enabled" if self.by_rules.enabled else "disabled"


def _named(texts: Iterable[str]) -> str:
    """
    Return the different texts, the first few of them.
    """
    found = sorted({each for each in texts if each})
    more = f" and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
    return ", ".join(found[:_MAX_NAMED]) + more


def _line(visit: Visit, service: FleetService, load: Load | None) -> _Line:
    instances = service.instances
    nodes = [(one.id, str(one.address)) for one in instances]
    return _Line(
        service.name,
        f"/service?name={quote(service.name, safe='')}",
        len(instances),
        len(visit.console.fleet.reports.dead(service.name, nodes)),
        _named(one.version for one in instances),
        _named(one.zone for one in instances),
        _named(map(application_of, instances)),
        load,
    )


async def _services(visit: Visit) -> Response:
    text = visit.asked("q")
    fleet = visit.console.fleet
    page = paged(visit, found_services(fleet, text), _PAGE_SIZE)
    loads = {each.name: each for each in loads_of(visit.console.admin_ports.processes)}
    return visit.page(
        "services.html",
        title="Services",
        q=text,
        page=page,
        lines=[_line(visit, each, loads.get(each.name)) for each in page.items],
        instances=await found_instances(fleet, text, visit.console.runtime.clock) if text else [],
        applications=found_applications(fleet, text) if text else [],
        total=sum(len(each.instances) for each in fleet.services()),
    )


async def _applications(visit: Visit) -> Response:
    text = visit.asked("q")
    found = [
        (name, sorted({one.service for one in instances}), len(instances))
        for name, instances in found_applications(visit.console.fleet, text)
    ]
    page = paged(visit, found, _PAGE_SIZE)
    return visit.page("applications.html", title="Applications", q=text, page=page)


def _health(visit: Visit, one: Instance) -> tuple[str, str]:
    """
    Return a word for the health of an instance, and what it is based on.
    """
    opinion = visit.console.fleet.reports.opinion(one.service, one.id, str(one.address))
    if opinion.dead:
        return "not reached", str(opinion)
    return ("reached", str(opinion)) if opinion.reached_by else ("not probed", str(opinion))


async def _instance_rules(visit: Visit, service: str) -> tuple[dict[str, InstanceRule], str]:
    """
    Return the rules of the instances of a service, and why they are not known.
    """
    try:
        found = await visit.console.rule_book.read(service_scope(service))
        return instances_of(found)[1], ""
    except RPCFWError as error:
        return {}, str(error)


def _phase(process: SeenProcess | None) -> str:
    """
    Return in which phase a process is, as it says at its admin port.
    """
    if process is None or process.said is None:
        return ""
    phase = process.said.process.phase
    return f"{phase} ({process.error})" if process.error else phase


def _shown(visit: Visit, one: Instance, by_rules: Ruled) -> _Shown:
    process = visit.console.admin_ports.process_of(one)
    return _Shown(
        one,
        *_health(visit, one),
        _phase(process),
        application_of(one),
        by_rules,
        load_in(process, one.service),
        {name: text for name, text in one.tags.items() if name not in _OWN_COLUMNS},
    )


async def _service(visit: Visit) -> Response:
    name = visit.asked("name")
    instances = visit.console.fleet.instances(name)
    page = paged(visit, instances, _PAGE_SIZE)
    known = name in visit.console.fleet.names
    rules, no_rules = await _instance_rules(visit, name) if known else ({}, "")
    of_rules = ruled(page.items, rules)
    shown = {each for one in instances for each in (one.id, str(one.address))}
    return visit.page(
        "service.html",
        200 if known else 404,
        title=name or "No service",
        name=name,
        known=known,
        page=page,
        no_rules=no_rules,
        # Of instances that are not here: they are offline, or have ended, or are several.
        other_rules=[id for id in sorted(rules) if id not in shown],
        lines=[_shown(visit, one, of_rules[one.id]) for one in page.items],
    )


async def _instance(visit: Visit) -> Response:
    service, id = visit.asked("service"), visit.asked("id")
    one = visit.console.fleet.instance(service, id)
    if one is None:
        reason = f"The registry lists no instance {id} of {service}. It may have ended."
        return visit.page("problem.html", 404, title="No such instance", reason=reason)
    rules, no_rules = await _instance_rules(visit, service)
    return visit.page(
        "instance.html",
        title=str(one.address),
        shown=_shown(visit, one, ruled([one], rules)[one.id]),
        no_rules=no_rules,
    )


ROUTES = (
    Route("GET", "/", _services),
    Route("GET", "/applications", _applications),
    Route("GET", "/service", _service),
    Route("GET", "/instance", _instance),
)
