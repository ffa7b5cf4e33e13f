"""
``twist rpcfw`` as a process.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.real.commands import Running

TWIST = Path(sys.executable).parent / "twist"

#: However slow the machine, a process that takes longer hangs.
LIMIT_S = 180

SERVICE = """
from __future__ import annotations

import asyncio

import rpcfw


class Greeter(rpcfw.Service, name="demo.Greeter"):
    async def started(self) -> None:
        from twisted.internet import reactor

        if "Asyncio" in type(reactor).__name__:
            await asyncio.wait_for(asyncio.sleep(0), 5)  # needs the loop to run

    @rpcfw.method
    def say(self, name: str) -> str:
        return f"hello {name}"

    @rpcfw.method
    async def hang(self) -> str:
        from twisted.internet.defer import Deferred

        print("hanging")
        await Deferred()
        return "never"
"""

CONFIGURATION = """
[app]
python_path = {folder}
[registry]
plugin = memory
[server]
services = greeter:Greeter
"""


@pytest.fixture
def configuration(tmp_path):
    """
    An INI file of a provider that needs nothing else.
    """
    (tmp_path / "greeter.py").write_text(SERVICE)
    path = tmp_path / "provider.ini"
    path.write_text(CONFIGURATION.format(folder=tmp_path))
    return path


def twist(*arguments: object) -> subprocess.Popen[str]:
    """
    Start ``twist rpcfw`` in a folder of no meaning.
    """
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    return subprocess.Popen(
        [TWIST, "--log-format=text", "rpcfw", *map(str, arguments)],
        cwd="/",
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(*arguments: object) -> tuple[int, str]:
    """
    Run it to its end and return its exit code and what it said.
    """
    with twist(*arguments) as process:
        said, _ = process.communicate(timeout=LIMIT_S)
        return process.returncode, said


@pytest.mark.parametrize("reactor", ["epoll", "asyncio", "uvloop"])
def test_serves_until_it_is_told_to_stop(configuration, reactor):
    """
    A provider runs under ``twist`` on the reactor of its INI file, and ends on SIGTERM.

    SIGHUP before that has it read its configuration again.
    """
    with twist("-c", configuration, "--set", f"app.reactor={reactor}") as process:
        overdue = threading.Timer(LIMIT_S, process.kill)
        overdue.start()
        said = ""
        for line in process.stdout:
            said += line
            if "announced demo.Greeter" in line:
                with configuration.open("a") as file:
                    file.write("weight = 7\n")
                process.send_signal(signal.SIGHUP)
            if "configuration is reloaded; changed: [server] weight" in line:
                process.send_signal(signal.SIGTERM)
        process.wait()
        overdue.cancel()

    assert "announced demo.Greeter" in said, said
    assert "shutting down" in said
    assert -signal.SIGTERM == process.returncode, said


@contextmanager
def hanging(configuration, *sets):
    """
    A provider with a call that never ends, and the command that makes it.
    """
    with twist("-c", configuration, *sets) as process:
        overdue = threading.Timer(LIMIT_S, process.kill)
        overdue.start()
        address = re.search("listening at (.*)", said_until(process, "listening at"))[1]
        said_until(process, "announced demo.Greeter")
        call = ("call", "--address", address, "--timeout", "60s", "demo.Greeter/hang")
        with Running(*call) as calling:
            said_until(process, "hanging")
            yield process, calling
        overdue.cancel()


def said_until(process, words):
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"it ended without having said {words!r}")


def test_calls_that_are_given_up(configuration):
    """
    A stop that gives calls up tells their callers, and ends with the exit code of `serve`.
    """
    with hanging(configuration, "--set", "server.drain_timeout=200ms") as (process, calling):
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
        assert 3 == process.wait(), said
        assert (1, "", "CANCELLED: the server is stopping\n") == calling.wait()

    assert "1 calls had not ended" in said


def test_a_second_signal_ends_it_at_once(configuration):
    """
    Who does not want to wait for open calls sends the signal again.
    """
    with hanging(configuration, "--set", "server.drain_timeout=50s") as (process, _):
        process.send_signal(signal.SIGTERM)
        said_until(process, "Closed")
        process.send_signal(signal.SIGTERM)
        assert 128 + signal.SIGTERM == process.wait()


def test_a_mistake_is_a_usage_error(configuration):
    """
    A mistake in the configuration is told with its place, without a traceback.
    """
    code, said = ended("-c", configuration, "--set", "server.listne=tcp:127.0.0.1:0")

    assert os.EX_USAGE == code
    assert "listen" in said
    assert "Traceback" not in said


def test_a_configuration_is_asked_for():
    """
    Without an INI file it says how to give one.
    """
    code, said = ended()

    assert os.EX_USAGE == code
    assert "twist rpcfw -c FILE" in said


def test_a_failed_start_is_a_failed_process(configuration, tmp_path):
    """
    Whoever watches the process sees that it could not start, and why.
    """
    code, said = ended("-c", configuration, "--set", f"server.listen=unix:{tmp_path}/none/socket")

    assert 1 == code
    assert "cannot listen" in said
    assert "Traceback" not in said
