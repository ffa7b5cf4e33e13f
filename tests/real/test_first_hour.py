"""
Mistakes of the first hour, each told in a sentence that says what to do.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.tree import ROOT
from tests.real.commands import LIMIT_S, environment, registry, rpcfw


def run(what: str) -> subprocess.CompletedProcess[str]:
    """
    Run a program with a mistake to its end.
    """
    return subprocess.run(
        [sys.executable, "-m", "tests.real.first_hour", what],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def test_a_forgotten_await_names_the_call():
    """
    Python's warning names service and method, and not a function of ours.
    """
    assert "coroutine 'demo.Greeter/say' was never awaited" in run("forgotten").stderr


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("called", "run takes the function, not what it returns: run(nothing), without ()"),
        ("plain", "plain returned 5, which cannot be awaited: write async def plain"),
        ("twice", "this application has stopped, and an application starts once: make a new one"),
        ("started_again", "this application runs already, and an application starts once"),
        ("instance", "is neither a service class nor a stub class: pass the class, as Greeter"),
    ],
)
def test_programs(what, told):
    """
    The last line of what is printed says what to write instead; Python warns of nothing.
    """
    done = run(what)

    assert done.returncode == 1
    assert told in done.stderr.splitlines()[-1]
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve"], "no INI file was given: rpcfw serve -c FILE"),
        (["serve", "provider.ini"], "a file is read by -c provider.ini"),
        (["serve", "-c", "nowhere.ini"], "nowhere.ini: cannot be read: No such file"),
        (["serve", "--log-level", "verbose"], "choose from"),
        (["call", "demo.Shop"], "if that is the service, add a method: demo.Shop/METHOD"),
        (["call", "demo.Shop/a", "{a: 1}"], "message 1 is no JSON"),
        (["call", "--address", "http://a:1", "demo.Shop/a"], "did you mean tcp:a:1?"),
        (["call", "--timeout", "1", "demo.Shop/a"], "'1' has no unit"),
        (["registry", "--listen", "127.0.0.1"], "it has no port"),
        (["srve"], "did you mean 'serve'?"),
    ],
)
def test_commands(arguments, told):
    """
    A command that is written wrongly ends with 2 and says how it is written.
    """
    done = rpcfw(*arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert told in done.stderr


def test_addresses_that_cannot_be_listened_at():
    """
    A port that is taken, and an address of another machine, come with what to do.
    """
    node, node_at = registry()
    with node:
        taken = rpcfw("registry", "--listen", node_at, "--log-level", "error")
    elsewhere = rpcfw("registry", "--listen", "192.0.2.1:0", "--log-level", "error")

    assert (1, 1) == (taken.returncode, elsewhere.returncode)
    assert "end what listens there, or name another port" in taken.stderr
    assert "this machine has no such address" in elsewhere.stderr


def test_a_wire_that_the_server_does_not_speak():
    """
    A gRPC client that meets a server of the native wire learns that it is no HTTP/2.
    """
    node, node_at = registry()
    with node:
        done = rpcfw("call", "--address", node_at, "--protocol", "grpc", "demo.Shop/a")

    assert done.returncode == 1
    assert "reads as text, so the peer may not speak HTTP/2" in done.stderr
