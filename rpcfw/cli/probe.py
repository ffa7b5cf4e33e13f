"""
``rpcfw probe``: a prober, which watches services and reports the nodes that it does not reach.
"""

from __future__ import annotations

import socket
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TextIO

from rpcfw.app.plan import Plan
from rpcfw.cli.codes import FINE
from rpcfw.cli.layers import sources_of
from rpcfw.cli.running import add_process_arguments, application_of, changed
from rpcfw.cli.running import run as run_command
from rpcfw.cli.serving import stop_signal
from rpcfw.cluster.probing.options import ProbeOptions
from rpcfw.cluster.probing.prober import Prober
from rpcfw.errors import SettingsError

__all__ = ["add_arguments", "run"]

EPILOG = """\
Run several, in different racks and data centers. Each connects to the nodes of the services
from time to time, and writes those that it does not reach into the registry. Consumers with
[health] probes = yes leave a node out sooner that no prober reaches.

  rpcfw probe -c probe.ini
  rpcfw probe -c probe.ini --set probe.services=demo.Shop

Its options are those of [probe]. SIGTERM or Ctrl-C stops it, and withdraws its report.
rpcfw ls --health shows what the probers say.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Probe until a signal, and return the exit code.

    Raises:
        SetupError: the configuration is wrong.
    """
    sources = sources_of(arguments, environ)
    options = sources.section("probe", ProbeOptions)
    application = application_of(arguments, environ, _without_services, sources)
    registry = application.registry
    if registry is None:
        raise SettingsError("there is no registry with services to probe: set [registry] plugin")
    protocols = application.plan.client("").options.protocols

    async def command() -> int:
        async with application:
            prober = Prober(application.runtime, registry, options, protocols, socket.gethostname())
            prober.start()
            services = "all services" if "*" in options.services else ", ".join(options.services)
            out.write(f"probing {services} in {registry} as {prober.instance.id}\n")
            out.flush()
            try:
                await stop_signal()
            finally:
                await prober.stop()
        return FINE

    return run_command(application, command)


def _without_services(plan: Plan) -> Plan:
    return changed(plan, server=changed(plan.server, services=()))
