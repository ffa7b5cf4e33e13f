"""
Whole systems in memory, on one clock: for tests of services, and of this framework.

A service is tested in three lines::

    with Lab() as lab:
        lab.serve(Greeter())
        assert "hello bob" == lab.run(lab.client(Greeter).say("bob"))

Every application is a real one, with its whole stack; only sockets, threads and the
passing of time are not. ``Lab(reactor="asyncio")`` has asyncio's Tasks drive every
coroutine, as they do in an application under asyncio or uvloop; by default Twisted does.

Time moves from one event to the next, so a test of an hour takes no longer than what
happens in it. Leaving the ``with`` block stops everything and fails if calls,
connections, delayed calls or logged errors are left.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache
from random import Random
from types import TracebackType
from typing import Any, Literal, TypeVar

from attrs import evolve

from rpcfw.app.application import Application
from rpcfw.app.patience import PatientClock
from rpcfw.app.plan import Plan, read_plan
from rpcfw.kernel.choice import Chosen
from rpcfw.kernel.settings import Sources
from rpcfw.spi.service import Service
from rpcfw.testing.faults import ProcessClock, ProcessNetwork
from rpcfw.testing.lab_loop import LabLoop, LoopInPlace
from rpcfw.testing.lab_registry import LabRegistry, RegistryPlace
from rpcfw.testing.lab_time import LabClock, Running
from rpcfw.testing.leaks import LoggedErrors, left_by, left_on
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork

__all__ = ["Lab", "Process"]

C = TypeVar("C")
T = TypeVar("T")

#: More than any limit of a stopped process: what is still due then is a leak.
_LONG_AFTER_S = 10_000.0


@lru_cache(maxsize=64)
def _plan(sets: tuple[str, ...]) -> Plan:
    """
    Return the plan of a process; the same ones are asked for test after test.
    """
    return read_plan(Sources.load((), {}, sets))


class Process:
    """
    One application of a lab, with what it takes to let it die.
    """

    def __init__(
        self, name: str, application: Application, clock: ProcessClock, network: ProcessNetwork
    ) -> None:
        self.name = name
        self.application = application
        self.network = network
        self.alive = True
        self._clock = clock

    def pause(self, seconds: float) -> None:
        # When it goes on it knows; first comes what was due, then what waits to be read.
        pauses = self.application.runtime.pauses
        self._clock.callLater(seconds, pauses.add, seconds)
        self._clock.pause(seconds, self.network.thaw)
        self.network.freeze()

    def die(self) -> None:
        self.alive = False
        self.network.die()
        self._clock.die()


class Lab:
    """
    A simulated network of processes.

    Args:
        seed: of all random numbers in it, so that a failure comes again.
        sets: settings of every application in it, as for ``--set``.
        reactor: whose scheduling the applications run under. A service that awaits
            asyncio's things needs asyncio.
    """

    def __init__(
        self,
        seed: int = 0,
        sets: Sequence[str] = (),
        reactor: Literal["epoll", "asyncio"] = "epoll",
    ) -> None:
        self.clock = LabClock()
        self._loop = LabLoop(self.clock) if reactor == "asyncio" else None
        self._place = LoopInPlace(self._loop)
        self.registry = RegistryPlace()
        self.processes: list[Process] = []
        self.errors = LoggedErrors()
        self._seed = seed
        self._sets = tuple(sets)
        self._network = MemoryNetwork(self.clock)
        self._owners: dict[str, ProcessNetwork] = {}
        self._consumer: Process | None = None

    def __enter__(self) -> Lab:
        self._place.enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.close()
            else:
                self.errors.close()
        finally:
            self._place.leave()

    # Processes.

    def process(self, name: str = "", services: Sequence[Service] = (), *sets: str) -> Process:
        """
        Return a new process, not yet started. It listens at ``memory:NAME`` if it serves.

        Args:
            sets: settings, as ``client.timeout=1s``.
        """
        number = len(self.processes)
        name = name or f"process-{number}"
        own = ["registry.plugin=memory", f"app.name={name}", f"server.listen=memory:{name}"]
        plan = _plan((*own, *self._sets, *sets))
        plan = evolve(plan, registry=Chosen("lab", LabRegistry, self.registry))
        clock = ProcessClock(self.clock)
        network = ProcessNetwork(self._network, self._owners)
        random = Random(self._seed * 1000 + number)  # noqa: S311 - the same each time
        # Late turns are taken as they are in a real process.
        patient = PatientClock(clock.seconds, clock.callLater)
        application = Application(plan, patient, random, Network(patient, network), services)
        process = Process(name, application, clock, network)
        self.processes.append(process)
        return process

    def start(self, process: Process) -> Process:
        """
        Start a process, and return it.
        """
        self.run(process.application.start())
        return process

    def serve(self, *services: Service, name: str = "", sets: Sequence[str] = ()) -> Process:
        """
        Start a process that serves services, and return it.
        """
        return self.start(self.process(name, services, *sets))

    def consumer(self, *sets: str, name: str = "") -> Process:
        """
        Start a process that only calls, and return it.
        """
        return self.start(self.process(name, (), *sets))

    def client(self, service: type[C]) -> C:
        """
        Return what calls a service: from a process that is the same each time.
        """
        if self._consumer is None:
            self._consumer = self.consumer(name="consumer")
        return self._consumer.application.client(service)

    # Time.

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> Running[T]:
        """
        Run a coroutine while time passes.
        """
        return Running(coroutine)

    def run(self, coroutine: Coroutine[Any, Any, T], limit_s: float = 60.0) -> T:
        """
        Run a coroutine to its end and return its result, in no time.

        Raises:
            AssertionError: it would take longer than ``limit_s`` of the lab's time.
        """
        return self.finish(self.begin(coroutine), limit_s)

    def finish(self, running: Running[T], limit_s: float = 60.0) -> T:
        """
        Let time pass until what `begin` began has ended, and return its result.

        Raises:
            AssertionError: as for `run`.
        """
        self.until(lambda: running.done, limit_s)
        return running.value

    def until(self, condition: Callable[[], bool], limit_s: float = 60.0) -> None:
        """
        Let time pass until a condition holds.

        Raises:
            AssertionError: it does not hold after ``limit_s``, or never will.
        """
        end = self.clock.seconds() + limit_s
        while not condition():
            due_at = self.clock.due_at()
            if due_at is None:
                raise AssertionError("nothing is left to happen, and what was awaited has not")
            if due_at > end:
                raise AssertionError(f"what was awaited did not happen within {limit_s:g} s")
            with self._place.turning():
                self.clock.turn()

    def advance(self, seconds: float) -> None:
        """
        Let time pass.
        """
        end = self.clock.seconds() + seconds
        while (due_at := self.clock.due_at()) is not None and due_at <= end:
            with self._place.turning():
                self.clock.turn()
        self.clock.rightNow = max(self.clock.rightNow, end)

    # What goes wrong.

    def kill(self, process: Process) -> None:
        """
        Kill a process: its connections are reset.

        The registry believes in it until `forget` is called.
        """
        process.die()

    def forget(self, process: Process) -> None:
        """
        Let the registry notice that a process is dead, as the end of a lease would.
        """
        registry = process.application.registry
        assert isinstance(registry, LabRegistry)
        for instance in registry.announced:
            self.registry.take(instance)

    def cut_off(self, process: Process) -> None:
        """
        Lose every byte to and from a process; its connections stay open.
        """
        process.network.freeze()

    def reconnect(self, process: Process) -> None:
        """
        Undo `cut_off`.
        """
        process.network.thaw()

    def pause(self, process: Process, seconds: float) -> None:
        """
        Stop a process where it stands for a while, as SIGSTOP does.

        Bytes to and from it wait. When it goes on, what was due meanwhile is due at once.
        """
        process.pause(seconds)

    # The end.

    def stop(self, process: Process) -> None:
        """
        Stop a process gracefully.
        """
        self.run(process.application.stop())

    def close(self) -> None:
        """
        Stop what runs, the last started first.

        Raises:
            AssertionError: something is left; the message lists it.
        """
        left = []
        for process in reversed(self.processes):
            if process.alive:
                self.stop(process)
                self.advance(1)
                left += [f"{process.name}: {one}" for one in left_by(process.application)]
                left += [f"{process.name} listens at {name}" for name in process.network.names]
                left += [
                    f"{process.name}: a connection is open" for _ in process.network.connections
                ]
        self.advance(_LONG_AFTER_S)
        left += left_on(self.clock) + self.errors.close()
        if left:
            raise AssertionError("left behind:\n" + "\n".join(left))
