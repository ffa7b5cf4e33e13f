"""
One thing after the other that happens to a registry's servers, under load.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tests.real.killable import Ensemble, KillableServer
from tests.real.providers import Process, Processes, until

__all__ = ["Trials"]

Server = TypeVar("Server", bound=KillableServer)


class Trials(Generic[Server]):
    """
    Each begins and ends with all providers and servers, all announced and called.

    The calls are of a method that must not be repeated.

    Args:
        ensemble: of three servers, which serve.
        processes: use it as their registry.
        providers: so many are there throughout.
        rate: so many calls a second.
    """

    #: How long a frozen server says nothing, at least.
    frozen_s = 0.0
    #: How long two of three servers are away.
    without_quorum_s = 10.0
    #: How long all of them are.
    without_anybody_s = 0.0

    def __init__(
        self, ensemble: Ensemble[Server], processes: Processes, providers: int, rate: int
    ) -> None:
        self.ensemble = ensemble
        self.processes = processes
        self.providers = processes.providers(providers)
        self.load = processes.load("write", rate)
        self.facts: dict[str, object] = {}

    def announced(self) -> set[str]:
        """
        Return the names of the instances that the registry has.
        """
        raise NotImplementedError

    def server_of(self, process: Process) -> Server:
        """
        Return the server that a process uses.
        """
        raise NotImplementedError

    def run(self, *trials: Callable[[], None]) -> dict[str, Any]:
        """
        Go through all of them and return what was seen.
        """
        for trial in trials:
            began_at = time.monotonic()
            trial()
            self.whole(trial.__name__)
            self.facts[f"{trial.__name__}_took_s"] = time.monotonic() - began_at
        return {**self.facts, "report": self.load.end()}

    def whole(self, after: str) -> None:
        """
        Wait until all is well again: a newcomer is found, and leaves without a trace.
        """
        newcomer = self.processes.provider()
        self.facts[f"{after}_new_seen_after_s"] = self.load.seen_after_s(newcomer)
        newcomer.stop()
        count = len(self.providers)
        until(lambda: count == len(self.announced()), f"{count} are announced")
        until(lambda: self.load.called(*self.providers), "all are called")

    def killed_server(self) -> None:
        """
        A provider's server dies.
        """
        server = self.server_of(self.providers[0])
        server.kill()
        self.whole("killed_server_meanwhile")
        self.ensemble.serve(server)

    def frozen_server(self) -> None:
        """
        A provider's server says nothing any more; its connections stay open.
        """
        self._freeze(self.server_of(self.providers[0]))

    def lost_quorum(self) -> None:
        """
        Two of three die; who stops meanwhile is not kept from it.
        """
        leaver = self.processes.provider()
        self.load.seen_after_s(leaver)
        first, second, _ = self.ensemble.servers
        lost_at = time.monotonic()
        first.kill()
        second.kill()
        self.facts["stopped_without_quorum_s"] = leaver.stop()
        self._until_past(lost_at, self.without_quorum_s)
        self._calls_go_on()
        self.ensemble.serve(first, second)

    def restarted_ensemble(self) -> None:
        """
        All servers die at once.
        """
        died_at = time.monotonic()
        for server in self.ensemble.servers:
            server.kill()
        self._until_past(died_at, self.without_anybody_s)
        self._calls_go_on()
        self.ensemble.serve()

    def until_back(self, before: set[str]) -> float:
        """
        Return the seconds until the instances are there again.
        """
        began_at = time.monotonic()
        until(lambda: before == self.announced(), "all are back")
        return time.monotonic() - began_at

    def _freeze(self, server: Server) -> None:
        frozen_at = time.monotonic()
        server.freeze()
        self.whole("frozen_server_meanwhile")
        self._until_past(frozen_at, self.frozen_s)
        server.thaw()
        server.wait_ready()

    def _calls_go_on(self) -> None:
        self.load.go_on(100)
        until(lambda: self.load.called(*self.providers), "all are called")

    @staticmethod
    def _until_past(began_at: float, lasts_s: float) -> None:
        until(lambda: time.monotonic() - began_at > lasts_s, "it was long enough")
