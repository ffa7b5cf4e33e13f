"""
An application made for its mistakes alone, on a clock that nobody turns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.task import Clock

from rpcfw.app.application import Application
from rpcfw.app.loading import load_services
from rpcfw.app.plan import Plan, read_plan
from rpcfw.app.reactors import chance
from rpcfw.cli.running import calls_only
from rpcfw.errors import SettingsError, SetupError
from rpcfw.kernel.settings import Sources
from rpcfw_registries.standalone_node import NodeOptions

__all__ = ["assemble"]

#: What only ``rpcfw registry`` reads.
_NODE = "node"


def assemble(sources: Sources) -> None:
    """
    Make every part of the application, plugins and services, and start none.

    Raises:
        SettingsError: with every mistake that was found.
    """
    if sources.has(_NODE):
        sources.section(_NODE, NodeOptions)
    plan = read_plan(sources)
    mistakes = [*_found(lambda: _make_clients(plan)), *_found(lambda: _load(plan))]
    if not mistakes:
        mistakes = _found(lambda: Application(plan, Clock(), chance()))
    if mistakes:
        raise SettingsError(*mistakes)


def _found(make: Callable[[], object]) -> list[str]:
    try:
        make()
    except SetupError as error:
        return str(error).splitlines()
    return []


def _make_clients(plan: Plan) -> None:
    application = Application(calls_only(plan), Clock(), chance())
    for service in plan.clients:
        application.channel(service)


def _load(plan: Plan) -> None:
    folders = plan.app.python_path
    loads = [partial(load_services, [target], folders) for target in plan.server.services]
    mistakes = [mistake for load in loads for mistake in _found(load)]
    if mistakes:
        raise SettingsError(*mistakes)
