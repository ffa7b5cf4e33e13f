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
from rpcfw.cli.running import add_process_arguments, application_of, changed, reloader_of
from rpcfw.cli.serving import serve_until_signal
from rpcfw.kernel.settings import Sources
from rpcfw.values.address import Address
from rpcfw_registries.standalone.node.options import NodeOptions
from rpcfw_registries.standalone.node.service import node_services

__all__ = ["add_arguments", "run"]

EPILOG = """\
Providers and consumers find it by two lines of their INI files:

  [registry]
  plugin = standalone
  address = 127.0.0.1:2210

It keeps everything in memory: after a restart it gets everything again from the providers
within a third of their lease. Unless [node] access says who may do what, every process that
can connect to it can announce. -c takes a file with [node], [server] and [tls]: conf/registry.ini.
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

    def change(plan: Plan) -> Plan:
        server = changed(plan.server, listen=(arguments.listen,), services=())
        return changed(plan, registry=None, server=server)

    sources = sources_of(arguments, environ)
    options = sources.section("node", NodeOptions)
    application = application_of(
        arguments,
        environ,
        change,
        sources,
        lambda plugin_context: node_services(options, plugin_context),
    )

    def claim(sources: Sources) -> None:
        sources.section("node", NodeOptions)

    reloader = reloader_of(application, arguments, environ, claim)
    return serve_until_signal(application, reloader, "registry server", out)
