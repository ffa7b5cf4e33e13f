"""
kazoo behind the `ZooKeeperSession` seam: the one place that knows its threads and its client.

Theory of operation. kazoo runs threads: one for the connection, which also calls
back with results (see `handler`), and one that calls back for watches. Calls
are made in the reactor's thread with kazoo's ``*_async`` methods, which only put a
request on a queue; each callback does nothing but post to the reactor's thread.
What may block (starting and stopping) runs in a thread of the reactor's pool.
kazoo's synchronous methods wait without limit and are never used.

kazoo queues requests while no server is reached. We refuse them then, and every request
has a time limit of our own.

kazoo does not always reconnect. Its connection thread ends for good when the server
refuses the credentials, and after an error that it does not expect. Servers that lost
their data refuse a client that has seen a later transaction. So it is watched: if it has
ended, or has reached no server for three session timeouts, it is replaced by a new
client. For the user of the seam that is a new session.
"""

from __future__ import annotations

import atexit
import logging
import os
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet

from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState, KeeperState

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw_registries.zookeeper.kazoo.access import Access, Pace
from rpcfw_registries.zookeeper.kazoo.errors import translated
from rpcfw_registries.zookeeper.kazoo.handler import KazooHandler
from rpcfw_registries.zookeeper.kazoo.results import (
    Batch,
    Operation,
    Posted,
    as_children,
    as_committed,
    as_node,
    as_nothing,
    as_stat,
    begin_swap,
    begin_writes,
)
from rpcfw_registries.zookeeper.session import (
    Children,
    SessionEvent,
    Stat,
    Unreachable,
    Write,
    Znode,
    ZooKeeperSession,
)

__all__ = ["KazooSession"]

T = TypeVar("T")

_EVENTS = {
    KazooState.CONNECTED: SessionEvent.CONNECTED,
    KazooState.SUSPENDED: SessionEvent.SUSPENDED,
    KazooState.LOST: SessionEvent.LOST,
}
_ENDED = (KeeperState.CLOSED, KeeperState.AUTH_FAILED)

#: How long an orderly close may take before the connection is cut.
_CLOSE_S = 1.0

#: After so many session timeouts without a server, a new session is started.
_MAX_TIMEOUTS = 3

_log = logging.getLogger("rpcfw.kazoo")
_log.setLevel(logging.ERROR)
# Below INFO kazoo writes credentials and session passwords.
_log.addFilter(lambda record: record.levelno >= logging.INFO)

_open: WeakSet[KazooSession] = WeakSet()


class KazooSession(ZooKeeperSession):
    """
    A session kept up with kazoo.
    """

    def __init__(self, plugin_context: PluginContext, access: Access, pace: Pace) -> None:
        self._clock = plugin_context.clock
        self._timers = plugin_context.timers
        self._threads = plugin_context.threads
        self._access = access
        self._pace = pace
        self._client: Any = None
        self._listener: Callable[[SessionEvent], None] = lambda _: None
        self._trouble: Callable[[str], None] = lambda _: None
        self._next_look: DelayedCall | None = None
        self._tls: ssl.SSLContext | None = None
        self._process = 0
        self._away_since = 0.0

    def check_process(self) -> None:
        if self._process and self._process != os.getpid():
            raise RegistryError(
                f"the ZooKeeper session belongs to process {self._process}, and this is a fork "
                "of it without its threads; start the application after the fork, in the child"
            )

    async def open(
        self, listener: Callable[[SessionEvent], None], trouble: Callable[[str], None]
    ) -> None:
        self._listener = listener
        self._trouble = trouble
        self._process = os.getpid()
        self._tls = None if self._access.tls is None else self._access.tls.context()
        _open.add(self)
        await self._begin()

    async def close(self) -> None:
        self.session_id = 0
        self._listener = lambda _: None
        client, self._client = self._client, None
        _open.discard(self)
        if self._next_look is not None and self._next_look.active():
            self._next_look.cancel()
        if client is not None and self._process == os.getpid():
            await self._end(client)

    def exists(self, path: str, watcher: Callable[[], None] | None = None) -> Waiter[Stat | None]:
        return self._ask(as_stat, "exists_async", path, self._posted(watcher))

    def children(self, path: str, watcher: Callable[[], None] | None = None) -> Waiter[Children]:
        return self._ask(
            as_children, "get_children_async", path, self._posted(watcher), include_data=True
        )

    def read(
        self, paths: Sequence[str], watcher: Callable[[str], None] | None = None
    ) -> Waiter[list[Znode | None]]:
        operation: Operation[list[Znode | None]] = self._operation()
        if not operation.called:
            post = self._threads.post
            get = self._client.get_async
            Batch(
                get if watcher is None else lambda path: get(path, Posted(post, watcher, (path,))),
                paths,
                partial(post, self._all_read, operation),
                partial(post, self._not_read, operation),
            ).begin()
        return operation

    def create(self, path: str, data: bytes, *, ephemeral: bool = True) -> Waiter[None]:
        return self._ask(as_nothing, "create_async", path, data, ephemeral=ephemeral, makepath=True)

    def replace(self, path: str, data: bytes, version: int) -> Waiter[None]:
        return self._ask(as_nothing, "set_async", path, data, version)

    def delete(self, path: str) -> Waiter[None]:
        return self._ask(as_nothing, "delete_async", path)

    def swap(self, path: str, data: bytes, old: str) -> Waiter[None]:
        return self._commit(begin_swap, path, data, old)

    def ensure(self, path: str) -> Waiter[None]:
        return self._ask(as_nothing, "ensure_path_async", path)

    def write(self, writes: Sequence[Write]) -> Waiter[None]:
        return self._commit(begin_writes, writes)

    def forked(self) -> None:
        """
        Drop the parent's client in a forked child, and send nothing to the server.
        """
        self.session_id = 0
        if self._client is not None:
            # Else the child's exit would wait for threads that it does not have.
            atexit.unregister(self._client.handler.stop)
            self._client.handler.forget_connection()

    # Requests.

    def _ask(
        self, convert: Callable[[Any], T], method: str, *args: Any, **kwargs: Any
    ) -> Operation[T]:
        operation: Operation[T] = self._operation()
        if not operation.called:
            self._link(operation, convert, getattr(self._client, method)(*args, **kwargs))
        return operation

    def _commit(self, begin: Callable[..., Any], *args: Any) -> Operation[None]:
        operation: Operation[None] = self._operation()
        if not operation.called:
            self._link(operation, as_committed, begin(self._client.transaction(), *args))
        return operation

    def _operation(self) -> Operation[Any]:
        operation: Operation[Any] = Operation()
        if not self.session_id:
            operation.errback(Unreachable("no ZooKeeper server is reached just now"))
            return operation
        deadline = self._clock.seconds() + self._pace.operation_timeout_s
        self._timers.watch(deadline, operation)
        operation.addBoth(self._forget, deadline, operation)
        return operation

    def _forget(self, outcome: T, deadline: float, operation: Operation[Any]) -> T:
        self._timers.forget(deadline, operation)
        return outcome

    def _link(self, operation: Operation[T], convert: Callable[[Any], T], result: Any) -> None:
        result.rawlink(partial(self._threads.post, self._answered, operation, convert))

    def _answered(self, operation: Operation[T], convert: Callable[[Any], T], result: Any) -> None:
        if result.exception is not None:
            operation.fail(translated(result.exception))
            return
        try:
            operation.answer(convert(result.value))
        except RegistryError as error:
            operation.fail(error)

    def _all_read(self, operation: Operation[list[Znode | None]], results: list[Any]) -> None:
        operation.answer([as_node(result) for result in results])

    def _not_read(self, operation: Operation[list[Znode | None]], error: BaseException) -> None:
        operation.fail(translated(error))

    def _posted(self, watcher: Callable[[], None] | None) -> Posted | None:
        return None if watcher is None else Posted(self._threads.post, watcher)

    # The client.

    async def _begin(self) -> None:
        self._client = client = self._new_client()
        client.add_listener(partial(self._state_changed, client))
        self._away_since = self._clock.seconds()
        self._look_later()
        await self._in_thread(client.start_async)

    def _new_client(self) -> Any:
        retry = {"max_tries": -1, "max_delay": self._pace.max_reconnect_delay_s}
        handler = KazooHandler(
            self._pace.connect_timeout_s,
            lambda reason: self._threads.post(self._trouble, reason),
            self._tls,
        )
        return KazooClient(
            timeout=self._pace.session_timeout_s,
            handler=handler,
            randomize_hosts=True,
            connection_retry=retry,
            command_retry=retry,
            logger=_log,
            **self._access.arguments(),
        )

    def _state_changed(self, client: Any, state: str) -> None:
        # In kazoo's thread.
        identity = client.client_id
        session = identity[0] if state == KazooState.CONNECTED and identity else 0
        self._threads.post(self._state_came, client, _EVENTS[state], session)

    def _state_came(self, client: Any, event: SessionEvent, session: int) -> None:
        if client is self._client:
            if self.session_id and not session:
                self._away_since = self._clock.seconds()
            self.session_id = session
            self._listener(event)

    def _look_later(self) -> None:
        self._next_look = self._clock.callLater(self._pace.max_reconnect_delay_s, self._look_after)

    def _look_after(self) -> None:
        client = self._client
        if not self._is_lost(client):
            self._look_later()
            return
        if client.client_state == KeeperState.AUTH_FAILED:
            self._trouble("the server refused the credentials; check user and password")
        if self.session_id:
            # Its own report of that is still on the way, and would be ignored from now on.
            self._state_came(client, SessionEvent.LOST, 0)
        self._client = None
        spawn(self._replace(client)).addErrback(self._not_replaced)

    def _is_lost(self, client: Any) -> bool:
        if client.client_state in _ENDED:
            return True
        away_s = self._clock.seconds() - self._away_since
        return not self.session_id and away_s > _MAX_TIMEOUTS * self._pace.session_timeout_s

    async def _replace(self, client: Any) -> None:
        await self._end(client)
        if self in _open:
            await self._begin()

    def _not_replaced(self, failure: Any) -> None:
        self._trouble(f"cannot begin a new session: {failure.value}")

    async def _end(self, client: Any) -> None:
        handler: KazooHandler = client.handler
        cut = self._clock.callLater(_CLOSE_S, handler.cut)
        give_up_after = 2 * _CLOSE_S + self._pace.connect_timeout_s
        await self._in_thread(_stopped, client, give_up_after_s=give_up_after)
        if cut.active():
            cut.cancel()

    def _in_thread(
        self, function: Callable[..., Any], *args: Any, give_up_after_s: float = 10.0
    ) -> Waiter[None]:
        operation: Operation[None] = Operation()
        give_up = self._clock.callLater(give_up_after_s, operation.answer, None)
        operation.addBoth(_cancelled, give_up)
        ended = self._threads.call(function, *args)
        ended.addBoth(lambda _: operation.answer(None))
        return operation


def _cancelled(outcome: T, delayed: DelayedCall) -> T:
    if delayed.active():
        delayed.cancel()
    return outcome


def _stopped(client: Any) -> None:
    """
    Stop a client, whatever state it is in. Blocks.
    """
    try:
        client.stop()
        client.close()
    except Exception as error:  # noqa: BLE001
        # It was broken, or would not end: its threads are daemons and it is dropped.
        _log.info("ZooKeeper client did not stop in order: %r", error)


def _after_fork_in_child() -> None:
    for session in tuple(_open):
        session.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
