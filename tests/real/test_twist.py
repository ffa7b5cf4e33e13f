"""
``twist rpcfw`` as a process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.house.tree import ROOT

TWIST = Path(sys.executable).parent / "twist"

#: However slow the machine, a process that takes longer hangs.
LIMIT_S = 60

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
    """
    with twist("-c", configuration, "--set", f"app.reactor={reactor}") as process:
        overdue = threading.Timer(LIMIT_S, process.kill)
        overdue.start()
        said = ""
        for line in process.stdout:
            said += line
            if "announced demo.Greeter" in line:
                process.send_signal(signal.SIGTERM)
        process.wait()
        overdue.cancel()

    assert "announced demo.Greeter" in said, said
    assert "shutting down" in said
    assert -signal.SIGTERM == process.returncode, said


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
