"""
What a configuration asks for, read whole and checked before anything is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import frozen

from rpcfw.admin.options import AdminOptions
from rpcfw.app.access_log.options import AccessLogOptions
from rpcfw.app.admin_plan import AdminPlan, read_admin_plan
from rpcfw.app.client_plan import PER_METHOD, ClientPlan, read_client_plan
from rpcfw.app.filter_choice import choose_server_filters
from rpcfw.app.loading import import_from
from rpcfw.app.metrics_plan import MetricsOptions, MetricsPlan, read_metrics_plan
from rpcfw.app.options import AppOptions, InspectionOptions, RuleOptions
from rpcfw.app.plan_checks import check_compressions, check_ports
from rpcfw.client.client_options import ClientOptions
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.errors import PluginError
from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.edits import Insert
from rpcfw.kernel.settings import Sources
from rpcfw.server.options import ServerOptions
from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.codec import Codec
from rpcfw.spi.compressor import Compressor
from rpcfw.spi.filter import Filter
from rpcfw.spi.options import declared
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.protocol import WireProtocol
from rpcfw.spi.registry import Registry
from rpcfw.spi.rules import Rules
from rpcfw.spi.tracer import Tracer
from rpcfw.transport.limit_options import LimitOptions
from rpcfw.transport.network.tls import TLSOptions
from rpcfw.transport.payload import CompressionOptions
from rpcfw.transport.pool.link import LinkOptions

__all__ = ["SECTIONS", "Plan", "read_plan"]

P = TypeVar("P", bound=Plugin)


_DEFAULTS = {each.name: each.default for each in declared(AppOptions)}

#: ``[rules] plugin`` of a process that follows none.
_NO_RULES = "none"

#: Sections that a service may have of its own.
_PER_SERVICE = ("client", "balancer", "attempts", "retry", "breaker", "credentials", "health")

#: Every section that holds options of the framework's own, for the example file.
SECTIONS: tuple[tuple[str, type], ...] = (
    ("app", AppOptions),
    ("server", ServerOptions),
    ("inspection", InspectionOptions),
    ("admin", AdminOptions),
    ("rules", RuleOptions),
    ("metrics", MetricsOptions),
    ("client", ClientOptions),
    ("health", HealthOptions),
    ("connection", LinkOptions),
    ("limits", LimitOptions),
    ("compression", CompressionOptions),
    ("tls", TLSOptions),
    ("access_log", AccessLogOptions),
)


@frozen(eq=False)
class Plan:
    """
    Everything a configuration asks for; all names in it are resolved.
    """

    app: AppOptions
    limits: LimitOptions
    link: LinkOptions
    compression: CompressionOptions
    tls: TLSOptions
    access_log: AccessLogOptions
    server: ServerOptions
    server_filters: tuple[tuple[Insert, Chosen[Filter]], ...]
    builtin: tuple[Chosen[BuiltinService], ...]
    inspection: InspectionOptions
    #: What is served at the ports of ``[inspection]``.
    inspection_services: tuple[Chosen[BuiltinService], ...]
    admin: AdminPlan
    registry: Chosen[Registry] | None
    #: Where the rules are; None: where the registry keeps them.
    rules: Chosen[Rules] | None
    rule_options: RuleOptions
    metrics: MetricsPlan
    protocols: tuple[Chosen[WireProtocol], ...]
    codecs: tuple[Chosen[Codec], ...]
    compressors: tuple[Chosen[Compressor], ...]
    #: Records calls; None: none are recorded.
    tracer: Chosen[Tracer] | None
    clients: dict[str, ClientPlan]
    #: Where the options are given.
    sources: Sources
    #: Finds the plugins that they name.
    chooser: Chooser

    @property
    def follows_rules(self) -> bool:
        """
        Whether this process follows rules at all.
        """
        given = self.sources.given("rules", "plugin")
        return given is None or given.text != _NO_RULES

    def client(self, service: str) -> ClientPlan:
        """
        Return how ``service`` is called: as its own sections say, else the plain ones.
        """
        return self.clients.get(service) or self.clients[""]


def _services(sources: Sources) -> tuple[str, ...]:
    """
    Return the services that have sections of their own, after the empty name for all others.

    ``[balancer demo.Shop/get]`` is for a method, so it is among the sections of its service.
    """
    found = {
        each.partition("/")[0] if name in PER_METHOD else each
        for name in _PER_SERVICE
        for each in sources.qualifiers(name)
    }
    return ("", *sorted(found - {""}))


def _check_per_service(sources: Sources) -> None:
    """
    See that no section names a method where only a service may be named: it would change nothing.
    """
    per_method = " and ".join(f"[{name}]" for name in PER_METHOD)
    for name in sorted({*_PER_SERVICE} - {*PER_METHOD}):
        for qualifier in sources.qualifiers(name):
            service, slash, _ = qualifier.partition("/")
            if slash:
                reason = (
                    f"is for whole services: write [{name} {service or 'demo.Shop'}]; "
                    f"only {per_method} may name a method"
                )
                sources.blame(name, "", reason, qualifier)


def _clients(sources: Sources, chooser: Chooser) -> dict[str, ClientPlan | None]:
    _check_per_service(sources)
    return {each: read_client_plan(sources, chooser, each) for each in _services(sources)}


def read_plan(sources: Sources) -> Plan:
    """
    Claim every section and return the plan.

    Raises:
        SettingsError: every mistake there is, in one go.
    """
    app = sources.section("app", AppOptions)
    import_from(app.python_path or ())
    chooser = Chooser(sources)
    clients = _clients(sources, chooser)
    server = sources.section("server", ServerOptions)
    registry = chooser.one("rpcfw.registries", Registry, "registry", "standalone")  # type: ignore[type-abstract]  # a seam
    inspection = sources.section("inspection", InspectionOptions)
    admin = read_admin_plan(sources, chooser)
    rules, rule_options = _rules(sources, chooser)
    named = _named_protocols(app, server, inspection)
    protocols = _protocols(chooser, named, clients, {"registry": registry, "rules": rules})
    compression = sources.section("compression", CompressionOptions)
    compressors = _installed(sources, chooser, "compressors", Compressor, app.compressors)  # type: ignore[type-abstract]  # a seam
    check_compressions(sources, [each.name for each in compressors], compression.plugin, clients)
    tls = sources.section("tls", TLSOptions)
    check_ports(sources, server, inspection, admin.options, tls)
    plan = Plan(
        app=app,
        limits=sources.section("limits", LimitOptions),
        link=sources.section("connection", LinkOptions),
        compression=compression,
        tls=tls,
        access_log=sources.section("access_log", AccessLogOptions),
        server=server,
        server_filters=choose_server_filters(sources, chooser, server).inserts,
        builtin=_builtin(chooser, ("server", "builtin"), server.builtin),
        inspection=inspection,
        inspection_services=_inspecting(chooser, inspection),
        admin=admin,
        registry=registry,
        rules=rules,
        rule_options=rule_options,
        metrics=read_metrics_plan(sources, chooser),
        protocols=protocols,
        codecs=_codecs(sources, chooser, app.codecs, protocols),
        compressors=compressors,
        tracer=chooser.one("rpcfw.tracers", Tracer, "tracing"),  # type: ignore[type-abstract]  # a seam
        clients={service: plan for service, plan in clients.items() if plan is not None},
        sources=sources,
        chooser=chooser,
    )
    sources.finish()
    return plan


def _rules(sources: Sources, chooser: Chooser) -> tuple[Chosen[Rules] | None, RuleOptions]:
    """
    Return where rules are kept, if a section names that, and how they are followed.
    """
    options = sources.section("rules", RuleOptions, extra_keys=("plugin",))
    if sources.raw("rules", "plugin") == _NO_RULES:
        return None, options
    return chooser.one("rpcfw.rules", Rules, "rules"), options  # type: ignore[type-abstract]  # a seam


def _named_protocols(
    app: AppOptions, server: ServerOptions, inspection: InspectionOptions
) -> list[tuple[str, str, str, Sequence[str] | None]]:
    """
    Return section, key, qualifier and names of the protocols that are not those of clients.
    """
    named: dict[str, Sequence[str] | None] = {"app": app.protocols, "server": server.protocols}
    if inspection.listen:
        named["inspection"] = inspection.protocols
    return [(section, "protocols", "", names) for section, names in named.items()]


def _protocols(
    chooser: Chooser,
    named: Iterable[tuple[str, str, str, Sequence[str] | None]],
    clients: Mapping[str, ClientPlan | None],
    speaking: Mapping[str, Chosen[Any] | None],
) -> tuple[Chosen[WireProtocol], ...]:
    """
    Resolve every wire that some section names, and those that plugins speak themselves.

    Args:
        named: section, key, qualifier and names of those that are not asked here.
        speaking: the plugins that open channels of their own, by their sections.
    """
    named = [*named]
    for service, client in clients.items():
        if client is not None:
            named.append(("client", "protocols", service, client.options.protocols))
    for section, each in speaking.items():
        if each is not None:
            wanted = each.plugin.channel_protocols(each.options)
            named.append((section, "plugin", "", wanted))
    chosen: tuple[Chosen[WireProtocol], ...] = ()
    for section, key, qualifier, names in named:
        known = {each.name for each in chosen}
        chosen += chooser.several(
            "rpcfw.protocols",
            WireProtocol,  # type: ignore[type-abstract]  # a seam
            [name for name in dict.fromkeys(names or ()) if name not in known],
            named_by=(section, key, qualifier),
            section="protocol",
        )
    return chosen


def _codecs(
    sources: Sources,
    chooser: Chooser,
    names: Sequence[str] | None,
    protocols: Iterable[Chosen[WireProtocol]],
) -> tuple[Chosen[Codec], ...]:
    """
    Resolve the codecs in use, and those that protocols bring with them.
    """
    seam: type[Codec] = Codec  # type: ignore[type-abstract]  # a seam
    wires = [each.plugin for each in protocols]
    brought = {name for wire in wires for name in (wire.codec, *wire.other_codecs)}
    brought -= {"", *(names or ())}
    named_by = ("app", "protocols", "")
    return _installed(sources, chooser, "codecs", seam, names) + chooser.several(
        "rpcfw.codecs", seam, sorted(brought), named_by=named_by, section="codec"
    )


def _builtin(
    chooser: Chooser, place: tuple[str, str], names: Sequence[str] | None
) -> tuple[Chosen[BuiltinService], ...]:
    return chooser.several(
        "rpcfw.services",
        BuiltinService,  # type: ignore[type-abstract]  # a seam
        names or (),
        named_by=(*place, ""),
        section="service",
    )


def _inspecting(
    chooser: Chooser, inspection: InspectionOptions
) -> tuple[Chosen[BuiltinService], ...]:
    names = inspection.services if inspection.listen else ()
    return _builtin(chooser, ("inspection", "services"), names)


def _installed(
    sources: Sources, chooser: Chooser, key: str, seam: type[P], names: Sequence[str] | None
) -> tuple[Chosen[P], ...]:
    """
    Return those plugins that can be loaded; one that was asked for by name must be.
    """
    # The example file writes the default out, and means the same by it.
    asked = sources.raw("app", key, _DEFAULTS[key]) != _DEFAULTS[key]
    chosen = []
    for name in names or ():
        try:
            plugin = chooser.plugins.load(f"rpcfw.{key}", name, seam)
        except PluginError as error:
            if asked:
                sources.blame("app", key, error)
            continue
        section = key.removesuffix("s")
        options: Any = sources.section(section, plugin.Options, name, named_by=("app", key, ""))
        chosen.append(Chosen(name, plugin, options, sources.place("app", key)))
    return tuple(chosen)
