"""
The admin port of an application, if it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rpcfw.app.live_policies import LivePolicies
from rpcfw.app.plan import Plan
from rpcfw.app.process_view import ProcessView
from rpcfw.app.shown_options import shown_options
from rpcfw.kernel.lifecycle import Tree
from rpcfw.server.server import Server
from rpcfw.spi.inspected_process import OptionValue
from rpcfw.spi.inspection import Clients
from rpcfw.transport.runtime import Runtime

if TYPE_CHECKING:
    from rpcfw.admin.server import AdminServer

__all__ = ["make_admin"]


def make_admin(
    plan: Plan,
    runtime: Runtime,
    server: Server | None,
    clients: Clients,
    tree: Callable[[], Tree],
    policies: LivePolicies,
) -> AdminServer | None:
    """
    Return what serves the admin pages; None if ``[admin] listen`` is empty.

    Args:
        server: what the pages show; None: the process serves nothing.
        clients: what the process calls.
        tree: returns the parts of the application.
        policies: what was given at run time.
    """
    if not plan.admin.options.listen:
        return None
    # A process without this port does not load Twisted's HTTP server.
    from rpcfw.admin.server import AdminServer

    context = runtime.plugin_context

    def options() -> tuple[OptionValue, ...]:
        called = (each.name for each in clients.services())
        return shown_options(plan, policies, called)

    view = ProcessView(context, server, clients, tree, options)
    pages = [chosen.make(context) for chosen in plan.admin.pages]
    authenticators = [chosen.make(context) for chosen in plan.admin.authenticators]
    return AdminServer(plan.admin.options, pages, authenticators, view, runtime.network, context)
