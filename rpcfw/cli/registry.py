"""
``rpcfw registry``: a registry server, which is an rpcfw service like any other.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TextIO

from rpcfw.app.plan import Plan
from rpcfw.cli.arguments import an_address
from rpcfw.cli.layers import sources_of
from rpcfw.cli.registry_sections import read_registry_sections
from rpcfw.cli.running import add_process_arguments, application_of, changed, reloader_of
from rpcfw.cli.serving import serve_until_signal
from rpcfw.kernel.settings import Sources
from rpcfw.server.options import ServerOptions
from rpcfw.server.reachable import AddressQueries, advertised_address, is_every_interface
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.service import Service
from rpcfw.values.address import Address
from rpcfw_registries.standalone.node.replication.group import BusOfGroup
from rpcfw_registries.standalone.node.service import node_services

__all__ = ["add_arguments", "run"]

EPILOG = """\
Providers and consumers find it by two lines of their INI files:

  [registry]
  plugin = standalone
  address = 127.0.0.1:2210

It keeps everything in memory: after a restart it gets everything again from the providers
within a third of their lease. Unless [node] access says who may do what, every process that
can connect to it can announce. With a [bus], several servers have the same instances; name
them all in address. -c takes a file with [node], [bus], [server] and [tls]; see conf/registry.ini
and conf/registry-bus.ini.

rpcfw registry bridge, a command of its own, mirrors one registry in another.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        type=an_address,
        default=Address("tcp", "127.0.0.1", 2210),
        help="where to listen, as tcp:127.0.0.1:2210 (the default) or unix:/PATH",
    )
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Serve until a signal, and return the exit code.

    Raises:
        SetupError: the configuration is wrong.
    """
    address = ""

    def change(plan: Plan) -> Plan:
        nonlocal address
        server = changed(plan.server, listen=(arguments.listen,), services=())
        if sections.bus is not None:
            address = reached_at(server)
        return changed(plan, registry=None, server=server)

    sources = sources_of(arguments, environ)
    sections = read_registry_sections(sources)

    def services(plugin_context: PluginContext) -> list[Service]:
        if sections.bus is None:
            return node_services(sections.node, plugin_context)
        bus = sections.bus.make(plugin_context)
        return node_services(sections.node, plugin_context, BusOfGroup(bus, address))

    application = application_of(arguments, environ, change, sources, services)

    def claim(sources: Sources) -> None:
        read_registry_sections(sources)

    reloader = reloader_of(application, arguments, environ, claim)
    return serve_until_signal(application, reloader, "registry server", out)


def reached_at(server: ServerOptions) -> str:
    """
    Return where the other servers of a group reach this one.

    Raises:
        SetupError: it listens on every interface, and none of them is the one.
    """
    listened = server.listen[0]
    if server.advertise is not None:
        return str(server.advertise)
    if isinstance(listened, Address) and is_every_interface(listened):
        return str(advertised_address(listened, (), AddressQueries()).address)
    return str(listened)
