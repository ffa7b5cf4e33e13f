"""
What a configuration asks for, read whole and checked before anything is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar

from attrs import frozen

from rpcfw.app.loading import import_from
from rpcfw.client.assembly import ClientOptions
from rpcfw.client.service_config import read_service_config
from rpcfw.errors import PluginError, SettingsError
from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.extras import needs
from rpcfw.kernel.orders import CALL_ORDER, SERVER_ORDER, Order
from rpcfw.kernel.settings import Sources
from rpcfw.kernel.stack import Insert, check_edits
from rpcfw.server.options import ServerOptions
from rpcfw.spi.balancer import Balancer
from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.codec import Codec
from rpcfw.spi.compressor import Compressor
from rpcfw.spi.filter import Filter
from rpcfw.spi.options import declared, option, options
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.protocol import WireProtocol
from rpcfw.spi.registry import Registry
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.router import Router
from rpcfw.spi.runtime.files import read_regular
from rpcfw.transport.limit_options import LimitOptions
from rpcfw.transport.network.tls import TLSOptions
from rpcfw.transport.payload import CompressionOptions
from rpcfw.transport.pool.link import LinkOptions
from rpcfw.values.service_config import ServiceConfig
from rpcfw.values.units import Bytes, Seconds

__all__ = ["SECTIONS", "AppOptions", "ClientPlan", "Plan", "read_plan"]

P = TypeVar("P", bound=Plugin)


@options
class AppOptions:
    """
    The process.
    """

    name: str = option("rpcfw", "name of this application, sent to registries and peers")
    reactor: Literal["auto", "epoll", "asyncio", "uvloop"] = option(
        "auto",
        "Twisted reactor: epoll, asyncio (to await asyncio objects), uvloop; auto: the asyncio "
        "loop that runs where the application starts, or epoll",
    )
    python_path: tuple[Path, ...] = option("", "folders to import services and plugins from")
    codecs: tuple[str, ...] = option("json, protobuf, raw", "codecs to use, if they are installed")
    compressors: tuple[str, ...] = option(
        "gzip, zstd", "compression methods that are accepted, if they are installed"
    )
    protocols: tuple[str, ...] = option(
        "native", "wire protocols to load besides those of [server], [client] and the registry"
    )
    shutdown_timeout: Seconds = option("30s", "time limit for the whole stop", was="stop_limit")
    retained_memory: Bytes = option(
        "32MiB",
        "freed memory to keep for the next large message; 0B: return all to the system",
        was="keep_memory",
    )
    gc_thresholds: tuple[int, ...] = option(
        "10000, 10, 50",
        "minimum thresholds of Python's garbage collector; empty: do not change them",
    )
    log_level: Literal["debug", "info", "warn", "error"] = option(
        "info", "lowest level that is logged"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find folders that are not there, a reactor that is not installed, wrong numbers.
        """
        if self.gc_thresholds and (len(self.gc_thresholds) != 3 or min(self.gc_thresholds) < 1):
            given = ", ".join(map(str, self.gc_thresholds))
            yield "gc_thresholds", f"it takes three numbers of at least 1, or none, not {given}"
        for folder in self.python_path:
            if not folder.is_dir():
                yield "python_path", f"there is no folder {folder}"
        if self.reactor == "uvloop" and find_spec("uvloop") is None:
            yield "reactor", f"uvloop {needs('uvloop')}"


_DEFAULTS = {each.name: each.default for each in declared(AppOptions)}

#: Every section that holds options of the framework's own, for the example file.
SECTIONS: tuple[tuple[str, type], ...] = (
    ("app", AppOptions),
    ("server", ServerOptions),
    ("client", ClientOptions),
    ("connection", LinkOptions),
    ("limits", LimitOptions),
    ("compression", CompressionOptions),
    ("tls", TLSOptions),
)


@frozen(eq=False)
class ClientPlan:
    """
    How one service is called.
    """

    options: ClientOptions
    balancer: Chosen[Balancer]
    retry: Chosen[RetryPolicy]
    routers: tuple[Chosen[Router], ...]
    filters: tuple[tuple[Insert, Chosen[Filter]], ...]
    config: ServiceConfig | None = None


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
    server: ServerOptions
    server_filters: tuple[tuple[Insert, Chosen[Filter]], ...]
    builtin: tuple[Chosen[BuiltinService], ...]
    registry: Chosen[Registry] | None
    protocols: tuple[Chosen[WireProtocol], ...]
    codecs: tuple[Chosen[Codec], ...]
    compressors: tuple[Chosen[Compressor], ...]
    clients: dict[str, ClientPlan]
    #: Tells where an option stands, from its section and key.
    place: Callable[[str, str], str]

    def client(self, service: str) -> ClientPlan:
        """
        Return how ``service`` is called: as its own sections say, else the plain ones.
        """
        return self.clients.get(service) or self.clients[""]


def read_plan(sources: Sources) -> Plan:
    """
    Claim every section and return the plan.

    Raises:
        SettingsError: every mistake there is, in one go.
    """
    app = sources.section("app", AppOptions)
    import_from(app.python_path or ())
    chooser = Chooser(sources)
    qualifiers = {q for name in ("client", "balancer", "retry") for q in sources.qualifiers(name)}
    clients = {service: _client(sources, chooser, service) for service in ("", *sorted(qualifiers))}
    server = sources.section("server", ServerOptions)
    server_filters = _filters(
        sources, chooser, ("server", ""), SERVER_ORDER, server.insert, server.remove
    )
    registry = chooser.one("rpcfw.registries", Registry, "registry", "standalone")  # type: ignore[type-abstract]  # a seam
    protocols = _protocols(chooser, app, server, clients, registry)
    compression = sources.section("compression", CompressionOptions)
    compressors = _installed(sources, chooser, "compressors", Compressor, app.compressors)  # type: ignore[type-abstract]  # a seam
    known = [each.name for each in compressors]
    _check_compression(sources, known, compression.plugin, ("compression", "plugin", ""))
    for service, client in clients.items():
        if client is not None and client.options.compression:
            place = ("client", "compression", service)
            _check_compression(sources, known, client.options.compression, place)
    tls = sources.section("tls", TLSOptions)
    _check_listen(sources, server, tls)
    plan = Plan(
        app=app,
        limits=sources.section("limits", LimitOptions),
        link=sources.section("connection", LinkOptions),
        compression=compression,
        tls=tls,
        server=server,
        server_filters=server_filters,
        builtin=_builtin(chooser, server.builtin or ()),
        registry=registry,
        protocols=protocols,
        codecs=_installed(sources, chooser, "codecs", Codec, app.codecs),  # type: ignore[type-abstract]  # a seam
        compressors=compressors,
        clients={service: plan for service, plan in clients.items() if plan is not None},
        place=sources.place,
    )
    sources.finish()
    return plan


def _check_compression(
    sources: Sources, known: list[str], name: str, place: tuple[str, str, str]
) -> None:
    if name not in ("none", *known):
        reason = f"{name!r} is not among [app] compressors: {', '.join(known)}"
        sources.blame(place[0], place[1], reason, place[2])


def _check_listen(sources: Sources, server: ServerOptions, tls: TLSOptions) -> None:
    """
    See that there is a certificate to listen with, where one is needed.
    """
    secure = [str(address) for address in server.listen or () if address.secure]
    if secure and tls.certificate is None and not sources.has_value("tls", "certificate"):
        reason = f"{secure[0]} needs a certificate: set [tls] certificate and key"
        sources.blame("server", "listen", reason)


def _client(sources: Sources, chooser: Chooser, service: str) -> ClientPlan | None:
    options = sources.section("client", ClientOptions, service)
    balancer = chooser.one(
        "rpcfw.balancers",
        Balancer,  # type: ignore[type-abstract]  # a seam
        "balancer",
        "weighted_random",
        qualifier=service,
    )
    retry = chooser.one(
        "rpcfw.retries",
        RetryPolicy,  # type: ignore[type-abstract]  # a seam
        "retry",
        "by_hints",
        qualifier=service,
    )
    routers = chooser.several(
        "rpcfw.routers",
        Router,  # type: ignore[type-abstract]  # a seam
        options.routers or (),
        named_by=("client", "routers", service),
        section="router",
    )
    edits = options.insert, options.remove
    filters = _filters(sources, chooser, ("client", service), CALL_ORDER, *edits)
    if balancer is None or retry is None:
        return None  # noted among the mistakes
    config = _service_config(sources, options.service_config, service)
    return ClientPlan(options, balancer, retry, routers, filters, config)


def _service_config(sources: Sources, path: Path | None, service: str) -> ServiceConfig | None:
    if path is None:
        return None
    try:
        return read_service_config(read_regular(path))
    except OSError as error:
        reason = f"{path} cannot be read: {error.strerror}"
        sources.blame("client", "service_config", reason, service)
    except SettingsError as error:
        for mistake in error.mistakes:
            sources.blame("client", "service_config", f"{path}: {mistake}", service)
    return None


def _filters(
    sources: Sources,
    chooser: Chooser,
    place: tuple[str, str],
    order: Order,
    inserts: Sequence[Insert] | None,
    removes: Sequence[str] | None,
) -> tuple[tuple[Insert, Chosen[Filter]], ...]:
    """
    Resolve the filters that a stack's edits name, and check the edits.
    """
    section, qualifier = place
    inserts = inserts or ()
    for key, mistake in check_edits(order, inserts, removes or ()):
        sources.blame(section, key, mistake, qualifier)
    chosen = chooser.several(
        "rpcfw.filters",
        Filter,  # type: ignore[type-abstract]  # a seam
        [edit.label for edit in inserts],
        named_by=(section, "insert", qualifier),
        section="filter",
    )
    by_name = {each.name: each for each in chosen}
    return tuple((edit, by_name[edit.label]) for edit in inserts if edit.label in by_name)


def _protocols(
    chooser: Chooser,
    app: AppOptions,
    server: ServerOptions,
    clients: Mapping[str, ClientPlan | None],
    registry: Chosen[Registry] | None,
) -> tuple[Chosen[WireProtocol], ...]:
    """
    Resolve every wire that some section names, and those that the registry speaks itself.
    """
    named = [("app", "protocols", "", app.protocols), ("server", "protocols", "", server.protocols)]
    for service, client in clients.items():
        if client is not None:
            named.append(("client", "protocols", service, client.options.protocols))
    if registry is not None:
        wanted = registry.plugin.channel_protocols(registry.options)
        named.append(("registry", "plugin", "", wanted))
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


def _builtin(chooser: Chooser, names: Sequence[str]) -> tuple[Chosen[BuiltinService], ...]:
    return chooser.several(
        "rpcfw.services",
        BuiltinService,  # type: ignore[type-abstract]  # a seam
        names,
        named_by=("server", "builtin", ""),
        section="service",
    )


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
