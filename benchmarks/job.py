"""
The child's side: a process that serves, or calls, and does what its parent says.

Run as ``python -m benchmarks.job JOB``, with the job in JSON. It pins itself to its
core, then talks in lines on the standard streams: a server says its port and lives
until its standard input ends; a client takes a measurement for each line it is given.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from attrs import asdict, define

from benchmarks.load import Figures, Gather, Window, counted, in_coroutines, in_threads
from benchmarks.messages import fields
from benchmarks.peers import module_of

__all__ = ["Job", "Order"]

Call = Callable[[], Awaitable[object]]


@define
class Order:
    """
    One measurement asked for.

    Args:
        in_flight: calls at once.
        seconds: how long.
        calls: how many in all, for what is not measured in time; 0: as many as there is time for.
    """

    in_flight: int
    seconds: float
    calls: int = 0


@define
class Job:
    """
    What a child is to do.

    Args:
        peer: its name, as in the results.
        role: ``serve`` or ``call``.
        kind: ``unary`` or ``stream``.
        core: the core to run on.
        modules: the directory of generated modules.
        remark_bytes: size of the order's remark.
        port: where the server listens, for a client.
        server_pid: its process.
        address: where a server is that was not started here.
        wire: what rpcfw speaks, ``native`` or ``grpc``; the others speak but one.
        sets: settings of rpcfw, as ``balancer.plugin=p2c``.
        addresses: where the server listens, if at several places.
        certificate: the server's, with its key, which clients trust; empty: no TLS.
        resumes: whether a new connection resumes the TLS session of one before.
    """

    peer: str
    role: str
    kind: str
    core: int
    modules: str
    remark_bytes: int
    port: int = 0
    server_pid: int = 0
    address: str = ""
    wire: str = "native"
    sets: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    certificate: str = ""
    resumes: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        """
        The fields of the order that is sent.
        """
        return fields(self.remark_bytes)

    def ready(self, port: int, *addresses: str) -> None:
        """
        Tell the parent that the server listens.
        """
        self.report({"port": port, "addresses": addresses})

    def report(self, what: object) -> None:
        """
        Write one line to the parent.
        """
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    def orders(self) -> Iterator[Order]:
        """
        Yield the measurements that the parent asks for.
        """
        for line in sys.stdin:
            yield Order(**json.loads(line))

    def window(self, seconds: float) -> Window:
        """
        Begin to measure.
        """
        return Window(self.server_pid, seconds)

    async def measure(self, call: Call, gather: Gather) -> None:
        """
        Measure ``call`` for each order, after a warm-up of a quarter of its time.
        """
        for order in self.orders():
            if order.calls:
                await counted(call, order.in_flight, order.calls, gather)
                self.report({"count": order.calls})
                continue
            await in_coroutines(call, order.in_flight, self.window(order.seconds / 4), gather)
            window = self.window(order.seconds)
            self.report(asdict(await in_coroutines(call, order.in_flight, window, gather)))

    def measure_threads(self, calls: Callable[[int], list[Callable[[], object]]]) -> None:
        """
        Measure in threads: ``calls(in_flight)`` returns what each of them calls.
        """
        for order in self.orders():
            made = calls(order.in_flight)
            in_threads(made, self.window(order.seconds / 4))
            self.report(asdict(in_threads(made, self.window(order.seconds))))

    async def measure_stream(self, read: Callable[[Window], Awaitable[Figures]]) -> None:
        """
        Measure messages: ``read`` opens a stream and reads it until its window closes.
        """
        for order in self.orders():
            await read(self.window(order.seconds / 4))
            self.report(asdict(await read(self.window(order.seconds))))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """
    Do the job that the command line describes.
    """
    job = Job(**json.loads(sys.argv[1]))
    os.sched_setaffinity(0, {job.core})
    sys.path.insert(0, job.modules)
    peer = module_of(job.peer)
    if job.role == "serve":
        threading.Thread(target=_end_with_parent, daemon=True).start()
        peer.serve(job)
    else:
        peer.call(job)


if __name__ == "__main__":
    main()
