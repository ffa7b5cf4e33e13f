"""
What a server says last when it stops: it has left the process before that ends.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager

import pytest

from tests.certificates import Authority
from tests.real.commands import Running

HANGS = """
from __future__ import annotations

from collections.abc import AsyncIterator

import rpcfw
from twisted.internet.defer import Deferred


class Hangs(rpcfw.Service, name="demo.Hangs"):
    @rpcfw.method
    async def wait(self) -> str:
        print("waiting", flush=True)
        await Deferred()
        return "never"

    @rpcfw.method
    async def stream(self) -> AsyncIterator[str]:
        yield "first"
        print("waiting", flush=True)
        await Deferred()
"""


def words(*sets):
    return [word for each in sets for word in ("--set", each)]


@pytest.fixture(name="listen", params=["tcp", "tls", "unix"])
def _listen(request, tmp_path):
    """
    Settings for a provider's address, and for whoever calls it.
    """
    if request.param == "unix":
        return [f"server.listen=unix:{tmp_path}/socket"], []
    if request.param == "tcp":
        return ["server.listen=tcp:127.0.0.1:0"], []
    authority = Authority(tmp_path)
    certificate, key, _ = authority.issue("server", "127.0.0.1")
    files = [f"tls.certificate={certificate}", f"tls.key={key}"]
    return ["server.listen=tls:127.0.0.1:0", *files], [f"tls.ca={authority.certificate}"]


@pytest.fixture(name="provider")
def _provider(listen, tmp_path):
    (tmp_path / "hangs.py").write_text(HANGS)
    return [
        "serve",
        *words(
            "registry.plugin=memory",
            f"app.python_path={tmp_path}",
            "app.protocols=native, grpc",
            "server.protocols=native, grpc",
            "server.services=hangs:Hangs",
            "server.drain_timeout=200ms",
            *listen[0],
        ),
    ]


@contextmanager
def callers(address, *arguments, wire="native"):
    """
    Two callers of what never ends, a plain one and one that streams; each is to be told.
    """
    to = ("--address", address, "--protocol", wire, "--timeout", "60s")
    sets = words("app.protocols=native, grpc", *arguments)
    waits = ("call", *to, *sets, "demo.Hangs/wait")
    reads = ("call", *to, *sets, "--stream", "demo.Hangs/stream", "{}")
    with Running(*waits) as waiting, Running(*reads) as reading:
        yield
        for calling in (waiting, reading):
            code, _, reason = calling.wait()
            assert (1, "CANCELLED: the server is stopping\n") == (code, reason)


def both_wait(server):
    assert ["waiting", "waiting"] == [server.line(), server.line()]


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_at_the_drain_limit_callers_are_told(provider, listen, wire):
    """
    Who waits for a call that the stop gives up gets CANCELLED, and the exit code is 3.
    """
    with Running(*provider) as server:
        address = server.line().rpartition(" at ")[2]
        with callers(address, *listen[1], wire=wire):
            both_wait(server)
            code, _, log = server.end(signal.SIGTERM)

    assert 3 == code, log
    assert "2 calls had not ended when [server] drain_timeout of 0.2 s was over" in log
    assert "Traceback" not in log


PROGRAM = """
import asyncio
import signal
import threading

import rpcfw
from twisted.internet.defer import Deferred

from hangs import Hangs

SETS = ["registry.plugin=memory", "server.protocols=native", "server.drain_timeout=200ms"]


def told():
    came = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: came.set())
    return came


async def serves(app):
    print("serving at", app.server.addresses[0], flush=True)


async def asyncio_runs():
    came = asyncio.Event()
    async with rpcfw.Application.from_ini(
        sets=[*SETS, "app.reactor=asyncio"], services=[Hangs()]
    ) as app:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, came.set)
        await serves(app)
        await came.wait()
    print("given up:", app.server.given_up)


def blocks():
    came = told()
    with rpcfw.blocking(sets=[*SETS, "server.services=hangs:Hangs"]) as app:
        app.run(serves, app.application)
        came.wait()
    print("given up:", app.application.server.given_up)


def runs(reactor):
    app = rpcfw.Application.from_ini(sets=[*SETS, f"app.reactor={reactor}"], services=[Hangs()])

    async def main():
        await serves(app)
        try:
            await Deferred()
        except BaseException:
            return

    app.run(main)
    print("given up:", app.server.given_up)
"""


class Program(Running):
    """
    The same for a program of these tests.
    """

    command = (sys.executable,)


@pytest.mark.parametrize("world", ["asyncio.run(asyncio_runs())", "blocks()", "runs('epoll')"])
def test_in_every_world(tmp_path, world):
    """
    A program that runs its application itself has said everything when that has stopped.
    """
    (tmp_path / "hangs.py").write_text(HANGS)
    program = tmp_path / "program.py"
    program.write_text(f"{PROGRAM}\n\n{world}\n")
    with Program(program) as server, callers(server.line().rpartition(" at ")[2]):
        both_wait(server)
        code, out, log = server.end(signal.SIGTERM)

    assert (0, "given up: 2\n") == (code, out), log
