"""
What a configuration asks for, read whole and checked before anything is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

from attrs import frozen

from rpcfw.client.assembly import ClientOptions
from rpcfw.client.service_config import read_service_config
from rpcfw.errors import PluginError, SettingsError
from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.orders import CALL_ORDER, SERVER_ORDER, Order
from rpcfw.kernel.settings import Sources
from rpcfw.kernel.stack import Insert, check_edits
from rpcfw.server.options import ServerOptions
from rpcfw.spi.attempts import RetryPolicy
from rpcfw.spi.balancer import Balancer
from rpcfw.spi.builtin import BuiltinService
from rpcfw.spi.codec import Codec
from rpcfw.spi.compressor import Compressor
from rpcfw.spi.filter import Filter
from rpcfw.spi.options import declared, option, options
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.protocol import WireProtocol
from rpcfw.spi.registry import Registry
from rpcfw.spi.router import Router
from rpcfw.spi.runtime.files import read_regular
from rpcfw.transport.ground import LimitOptions
from rpcfw.transport.link import LinkOptions
from rpcfw.transport.payload import CompressionOptions
from rpcfw.transport.tls import TLSOptions
from rpcfw.values.service_config import ServiceConfig
from rpcfw.values.units import Bytes, Seconds

__all__ = ["SECTIONS", "AppOptions", "ClientPlan", "Plan", "read_plan"]

P = TypeVar("P", bound=Plugin)


@options
class AppOptions:
    """
    The process.
    """

    name: str = option("rpcfw", "name of this application, told to registries and peers")
    reactor: Literal["auto", "epoll", "asyncio", "uvloop"] = option(
        "auto",
        "what drives it: epoll, asyncio (to await asyncio's things), uvloop; auto: the "
        "asyncio loop that runs where the application starts, else epoll",
    )
    python_path: tuple[Path, ...] = option("", "folders to import services from")
    codecs: tuple[str, ...] = option("json, protobuf, raw", "codecs in use, if installed")
    compressors: tuple[str, ...] = option("gzip, zstd", "compressions undone here, if installed")
    protocols: tuple[str, ...] = option("native", "wires this process is set up with")
    stop_limit: Seconds = option("30s", "how long stopping may take in all")
    keep_memory: Bytes = option(
        "32MiB", "freed memory that is kept for the next large message; 0B: give it all back"
    )
    log_level: Literal["debug", "info", "warn", "error"] = option("info", "least level logged")


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
    chooser = Chooser(sources)
    app = sources.section("app", AppOptions)
    qualifiers = {q for name in ("client", "balancer", "retry") for q in sources.qualifiers(name)}
    clients = {service: _client(sources, chooser, service) for service in ("", *sorted(qualifiers))}
    server = sources.section("server", ServerOptions)
    server_filters = _filters(
        sources, chooser, ("server", ""), SERVER_ORDER, server.insert, server.remove
    )
    registry = chooser.one("rpcfw.registries", Registry, "registry", "standalone")  # type: ignore[type-abstract]  # a seam
    protocols = chooser.several(
        "rpcfw.protocols",
        WireProtocol,  # type: ignore[type-abstract]  # a seam
        app.protocols or (),
        named_by=("app", "protocols", ""),
        section="protocol",
    )
    protocols += _for_channels(chooser, registry, app.protocols or ())
    compression = sources.section("compression", CompressionOptions)
    compressors = _installed(sources, chooser, "compressors", Compressor, app.compressors)  # type: ignore[type-abstract]  # a seam
    known = [each.name for each in compressors]
    _check_compression(sources, known, compression.plugin, ("compression", "plugin", ""))
    for service, client in clients.items():
        if client is not None and client.options.compression:
            place = ("client", "compression", service)
            _check_compression(sources, known, client.options.compression, place)
    plan = Plan(
        app=app,
        limits=sources.section("limits", LimitOptions),
        link=sources.section("connection", LinkOptions),
        compression=compression,
        tls=sources.section("tls", TLSOptions),
        server=server,
        server_filters=server_filters,
        builtin=_builtin(chooser, server.builtin or ()),
        registry=registry,
        protocols=protocols,
        codecs=_installed(sources, chooser, "codecs", Codec, app.codecs),  # type: ignore[type-abstract]  # a seam
        compressors=compressors,
        clients={service: plan for service, plan in clients.items() if plan is not None},
    )
    sources.finish()
    return plan


def _check_compression(
    sources: Sources, known: list[str], name: str, place: tuple[str, str, str]
) -> None:
    if name not in ("none", *known):
        reason = f"{name!r} is not among [app] compressors: {', '.join(known)}"
        sources.refuse(place[0], place[1], reason, place[2])


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
        sources.refuse("client", "service_config", reason, service)
    except SettingsError as error:
        for mistake in error.mistakes:
            sources.refuse("client", "service_config", f"{path}: {mistake}", service)
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
    for mistake in check_edits(order, inserts, removes or ()):
        sources.refuse(section, "insert", mistake, qualifier)
    chosen = chooser.several(
        "rpcfw.filters",
        Filter,  # type: ignore[type-abstract]  # a seam
        [edit.label for edit in inserts],
        named_by=(section, "insert", qualifier),
        section="filter",
    )
    by_name = {each.name: each for each in chosen}
    return tuple((edit, by_name[edit.label]) for edit in inserts if edit.label in by_name)


def _for_channels(
    chooser: Chooser, registry: Chosen[Registry] | None, known: Sequence[str]
) -> tuple[Chosen[WireProtocol], ...]:
    """
    Resolve the wires that the registry speaks itself. Users need not name those.
    """
    wanted = () if registry is None else registry.plugin.channel_protocols(registry.options)
    return chooser.several(
        "rpcfw.protocols",
        WireProtocol,  # type: ignore[type-abstract]  # a seam
        [name for name in wanted if name not in known],
        named_by=("registry", "plugin", ""),
        section="protocol",
    )


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
                sources.refuse("app", key, error)
            continue
        section = key.removesuffix("s")
        chosen.append(Chosen(name, plugin, sources.section(section, plugin.Options, name)))
    return tuple(chosen)
