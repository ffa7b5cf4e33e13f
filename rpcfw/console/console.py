"""
The console: everything of it, made from an application and its options.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.app.application import Application
from rpcfw.console.access.accounts import Accounts
from rpcfw.console.access.client_address import ClientAddresses
from rpcfw.console.access.identity import Identities
from rpcfw.console.access.sessions import Sessions
from rpcfw.console.access.users import Users
from rpcfw.console.admin_ports import AdminPorts
from rpcfw.console.announced_ports import AnnouncedPorts
from rpcfw.console.audit import Audit
from rpcfw.console.dispatcher import Dispatcher
from rpcfw.console.events import Events
from rpcfw.console.fleet import Fleet
from rpcfw.console.http.channel import HTTPLimits
from rpcfw.console.http.factory import BrowserFactory
from rpcfw.console.inspect_client import InspectClient, admin_credentials
from rpcfw.console.listed_consumers import ListedConsumers
from rpcfw.console.options import ConsoleOptions
from rpcfw.console.pages import all_routes
from rpcfw.console.rule_book import RuleBook
from rpcfw.console.schemas import Schemas
from rpcfw.console.static_files import static_files
from rpcfw.console.templating import Templates
from rpcfw.console.trials import Trials
from rpcfw.server.ports import Ports
from rpcfw.values.address import Address

__all__ = ["Console"]


class Console:
    """
    One console.

    Args:
        application: has the registry and the rules, and makes calls.
        trial: makes another application of the same configuration, in which rules are tried.
    """

    def __init__(
        self,
        application: Application,
        options: ConsoleOptions,
        users: Users,
        trial: Callable[[], Application],
    ) -> None:
        self.application = application
        self.runtime = application.runtime
        self.options = options
        self.users = users
        self.templates = Templates()
        clock = self.runtime.clock
        accounts = Accounts(options, users)
        self.sessions = Sessions(
            options.session_timeout, options.idle_timeout, clock.seconds, accounts.find
        )
        self.events = Events(self.sessions, options.max_event_streams, clock)
        self.identities = Identities(options, accounts, self.sessions)
        self.client_addresses = ClientAddresses(options)
        self.audit = Audit(options.audit_file, self.runtime.plugin_context)
        self.rule_book = RuleBook(application)
        # Viewers, who may ask for explanations, do not have operators wait.
        self.trials, self.explanations = Trials(trial), Trials(trial)
        self.fleet = Fleet(
            application.registry,
            options.refresh_interval,
            options.max_services,
            clock,
            self.events.changed,
        )
        self.schemas = Schemas(application, self.fleet)
        self.consumers = ListedConsumers(application)
        self._inspect_client = InspectClient(self.runtime.network, admin_credentials(application))
        self.admin_ports = self._make_admin_ports()
        dispatcher = Dispatcher(self, all_routes(), static_files())
        self._factory = BrowserFactory(
            dispatcher.answer, _limits(options), clock, frozenset(options.trusted_proxies)
        )
        self._ports = Ports(self.runtime.network, lambda: self._factory)

    def _make_admin_ports(self) -> AdminPorts:
        return AdminPorts(
            self.runtime,
            self._inspect_client,
            self.fleet,
            self.options.admin,
            AnnouncedPorts(self.options.admin_networks),
            self.options.poll_interval,
            self.events.changed,
        )

    @property
    def addresses(self) -> tuple[Address, ...]:
        """
        Where it listens.
        """
        return self._ports.addresses

    async def start(self) -> None:
        """
        Begin to watch the fleet, and listen. The application is started already.

        Raises:
            SetupError: a port or a file cannot be opened.
        """
        self.audit.open()
        await self._inspect_client.start()
        self.fleet.start()
        self.admin_ports.start()
        for where in self.options.listen:
            await self._ports.listen(where)

    async def stop(self) -> None:
        """
        Close everything.
        """
        for closing in self._ports.close():
            if closing is not None:
                await closing
        self.events.stop()
        self._factory.slots.close()
        self.admin_ports.stop()
        await self._inspect_client.stop()
        self.fleet.stop()
        self.audit.close()


def _limits(options: ConsoleOptions) -> HTTPLimits:
    return HTTPLimits(
        max_body=int(options.max_body),
        max_connections=options.max_connections,
        max_connections_per_address=options.max_connections_per_address,
        request_timeout_s=options.request_timeout,
    )
