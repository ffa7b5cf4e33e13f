"""
Follows the rules of this application and of the services that it calls.

Theory of operation. There is one watch for the application, and one for each service that
has a client. What a watch reports is read and put in use, kind by kind, one report after the
other; of several that came meanwhile only the last counts. A document that is wrong changes
nothing: the last good one of its kind stays, one line is logged, and a metric counts it.

Whether policies fit depends on other rules, too, and on the configuration. So policies that
were refused are tried again when one of those has changed. A process that starts then would
use them, too.

What is on disk is used before the first report, so that it is the last good one for that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.app.live_policies import LivePolicies
from rpcfw.app.rules.documents import INSTANCES, POLICIES, read_instances, read_policies
from rpcfw.app.rules.logged import ALL_KINDS, author_of, document_name, in_one_line
from rpcfw.app.rules.snapshots import RuleSnapshots
from rpcfw.client.assembly import Client
from rpcfw.errors import DeadlineExceeded
from rpcfw.kernel.ini import Layer
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import Rules, RuleWatch
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import CANCELLED, with_deadline
from rpcfw.values.rule import Document, RuleSet, Scope, application_scope, service_scope

__all__ = ["RuleFollower"]

_log = Logger()

#: A disk that needs longer for the last rules holds up those of the registry no more.
_DISK_S = 1.0
#: Lines of one kind about a scope in a minute; somebody may change rules all the time.
_MAX_LINES = 20


#: Puts a document of a scope in use; None: there is none any longer.
_Use = Callable[[Scope, Document | None], Awaitable[None]]


@define(eq=False)
class _Followed:
    """
    One scope.

    Args:
        latest: that was reported and is not in use yet.
        rules: that were taken last.
        refused: so were the policies among them.
        busy: documents are being put in use.
        known: set once the first report is in use, or it is known that there is none.
        documents: that are in use, or were refused, by kind.
        good: those that are in use.
        snapshots: keep them on disk.
        kept: those that are on disk; None: nobody knows.
        reported: by the registry, so what is on disk is out of date.
    """

    scope: Scope
    watch: RuleWatch | None = None
    latest: RuleSet | None = None
    rules: RuleSet | None = None
    refused: bool = False
    documents: dict[str, Document | None] = field(factory=dict)
    good: dict[str, Document] = field(factory=dict)
    snapshots: RuleSnapshots | None = None
    kept: dict[str, Document] | None = field(factory=dict)
    reported: bool = False
    busy: bool = False
    known: Event = field(factory=Event)
    running: Deferred[None] | None = None


class RuleFollower:
    """
    Puts the rules of one process in use.

    Args:
        rules: where they are.
        policies: of this application.
        clients: gives those that were made so far.
        initial_timeout_s: first calls wait so long for the rules.
        snapshot_folder: returns where the rules of a service, or of the application, are kept
            on disk; empty: nowhere.
    """

    def __init__(
        self,
        rules: Rules,
        policies: LivePolicies,
        clients: Callable[[], Iterable[Client]],
        plugin_context: PluginContext,
        initial_timeout_s: float,
        snapshot_folder: Callable[[str], str],
    ) -> None:
        self._rules = rules
        self._policies = policies
        policies.changed = self._try_again
        self._clients = clients
        self._application = application_scope(plugin_context.application)
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=_MAX_LINES)
        self._followed: dict[Scope, _Followed] = {}
        self._started = False
        self._timers = plugin_context.timers
        self._initial_timeout_s = initial_timeout_s
        self._snapshot_folder = snapshot_folder
        self._threads = plugin_context.threads
        meter = plugin_context.meter
        self._refused = meter.counter(
            "rpcfw_rules_refused_total", "documents of rules that were wrong", "kind"
        )
        self._version = meter.gauge(
            "rpcfw_rules_version", "version of the rules that are in use", "scope", "name"
        )

    async def start(self) -> None:
        """
        Watch the rules of the application, and of the services that have a client.
        """
        self._started = True
        self._follow(self._application)
        for client in self._clients():
            self.follow(client.service)

    async def stop(self) -> None:
        """
        Watch nothing any longer. What is in use stays so.
        """
        self._started = False
        followed, self._followed = self._followed, {}
        for one in followed.values():
            if one.watch is not None:
                one.watch.close()
            one.latest = None
            if one.running is not None:
                one.running.cancel()
            one.known.set()
            self._version.of(one.scope.kind, one.scope.name).value = 0

    def follow(self, service: str) -> None:
        """
        Watch the rules of a service from now on.
        """
        if self._started:
            self._follow(service_scope(service))

    async def first(self, service: str) -> None:
        """
        Return once the rules of the application and of a service are in use, or refused.
        """
        for scope in self._application, service_scope(service):
            followed = self._followed.get(scope)
            if followed is not None:
                await followed.known.wait()

    async def first_in_time(self, service: str) -> None:
        """
        Return likewise, but after ``initial_timeout`` at the latest.
        """
        deadline = self._timers.seconds() + self._initial_timeout_s
        with suppress(DeadlineExceeded):
            await with_deadline(self.first(service), self._timers, deadline)

    def _follow(self, scope: Scope) -> None:
        if scope in self._followed:
            return
        followed = self._followed[scope] = _Followed(scope)

        def listener(rules: RuleSet) -> None:
            followed.reported = True
            self._take(followed, rules)

        def refused(reason: str) -> None:
            what = f"the rules of {scope} cannot be read, the last ones stay: {reason}"
            self._log.warn_of(f"unreadable: {scope}", "{what}", what=what)
            self._refused.of(ALL_KINDS).value += 1
            followed.known.set()

        followed.watch = self._rules.watch(scope, listener, refused)
        folder = self._snapshot_folder(_service(scope))
        if folder:
            snapshots = followed.snapshots = RuleSnapshots(folder, self._threads)
            followed.busy = True
            loading = self._begin_with(followed, snapshots)
            followed.running = in_background(loading, f"the last rules of {scope}")

    async def _begin_with(self, followed: _Followed, snapshots: RuleSnapshots) -> None:
        """
        Use what is on disk, then what was reported meanwhile. A slow disk is not waited for.
        """
        rules = None
        deadline = self._timers.seconds() + max(_DISK_S, self._initial_timeout_s)
        try:
            try:
                rules = await with_deadline(snapshots.load(followed.scope), self._timers, deadline)
            except DeadlineExceeded:
                followed.kept = None
            if rules is not None:
                followed.kept = {**rules.documents}
                await self._use_all(followed, rules)
        finally:
            await self._use(followed)
        if rules is not None:
            followed.known.set()

    def _keep(self, followed: _Followed, version: int) -> None:
        """
        Have on disk what is in use.
        """
        if followed.snapshots is not None and followed.good != followed.kept:
            followed.kept = {**followed.good}
            followed.snapshots.save(followed.scope, version, followed.kept)

    def _take(self, followed: _Followed, rules: RuleSet) -> None:
        followed.latest = rules
        if not followed.busy:
            followed.busy = True
            followed.running = in_background(self._use(followed), f"rules of {followed.scope}")

    def _try_again(self) -> None:
        """
        Try policies again that were refused: what they depend on has changed.
        """
        for followed in self._followed.values():
            if followed.refused and followed.rules is not None:
                self._take(followed, followed.latest or followed.rules)

    async def _use(self, followed: _Followed) -> None:
        try:
            while (rules := followed.latest) is not None:
                followed.latest = None
                await self._use_all(followed, rules)
                followed.known.set()
        finally:
            followed.busy = False

    async def _use_all(self, followed: _Followed, rules: RuleSet) -> None:
        followed.rules = rules
        for kind, use in (POLICIES, self._use_policies), (INSTANCES, self._use_instances):
            document = rules.documents.get(kind)
            again = followed.documents.get(kind) == document
            if again and not (followed.refused and kind == POLICIES):
                continue
            followed.documents[kind] = document
            refused = await self._refusal(followed, document, use)
            if kind == POLICIES:
                followed.refused = refused is not None
            if refused is None:
                followed.good.pop(kind, None)
                if document is not None:
                    followed.good[kind] = document
            elif not again:
                self._refuse(followed.scope, kind, document, refused)
        if followed.reported:
            self._keep(followed, rules.version)
        self._version.of(followed.scope.kind, followed.scope.name).value = rules.version

    async def _refusal(
        self, followed: _Followed, document: Document | None, use: _Use
    ) -> BaseException | None:
        """
        Put a document in use; return what is wrong with it.
        """
        try:
            await use(followed.scope, document)
        except (Exception, *CANCELLED) as error:  # of somebody's plugin
            if self._followed.get(followed.scope) is not followed:
                raise  # this is stopped: nobody has refused it
            return error
        return None

    def _refuse(
        self, scope: Scope, kind: str, document: Document | None, error: BaseException
    ) -> None:
        self._refused.of(kind).value += 1
        self._log.warn_of(
            f"refused: {scope}",
            "refused, and the last good one stays in use: {name}: {reason}",
            name=document_name(scope, kind, 0 if document is None else document.version),
            reason=in_one_line(error),
        )

    async def _use_policies(self, scope: Scope, document: Document | None) -> None:
        layer = Layer()
        if document is not None:
            name = document_name(scope, POLICIES, document.version)
            layer = read_policies(document.body, name)
        await self._policies.follow(_service(scope), layer)
        self._tell(scope, POLICIES, document)

    async def _use_instances(self, scope: Scope, document: Document | None) -> None:
        if scope.kind != "service":
            return  # ids are unique in a service only
        rules, name = {}, ""
        if document is not None:
            name = document_name(scope, INSTANCES, document.version)
            rules = read_instances(document.body, name)
        for client in self._clients():
            if client.service == scope.name:
                client.instances.follow(rules, name)
        self._tell(scope, INSTANCES, document)

    def _tell(self, scope: Scope, kind: str, document: Document | None) -> None:
        if document is None:
            self._log.note_of(
                f"changed: {scope}", "{what} of {scope} removed", what=kind, scope=str(scope)
            )
            return
        self._log.note_of(
            f"changed: {scope}",
            "{name} in use, put by {author}",
            name=document_name(scope, kind, document.version),
            author=author_of(document),
        )


def _service(scope: Scope) -> str:
    """
    Return the service of a scope; empty for an application.
    """
    return scope.name if scope.kind == "service" else ""
