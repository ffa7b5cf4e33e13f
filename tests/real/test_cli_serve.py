"""
``rpcfw serve`` and ``rpcfw registry``: coming, going, and not coming.
"""

from __future__ import annotations

import signal
import socket

import pytest

from tests.real.commands import Running, address_in, registry, rpcfw

SLOW = """
from __future__ import annotations

import rpcfw
from twisted.internet import reactor
from twisted.internet.task import deferLater


class Slow(rpcfw.Service, name="demo.Slow"):
    @rpcfw.method
    async def wait(self, seconds: float) -> str:
        print("waiting", flush=True)
        await deferLater(reactor, seconds)
        return "done"
"""

ALONE = ("--set", "registry.plugin=memory")
GREETER = (
    *("--set", "app.python_path=examples/greeter"),
    *("--set", "server.services=service:Greeter"),
    *ALONE,
)


@pytest.fixture
def slow(tmp_path):
    """
    Arguments that serve methods which take their time.
    """
    (tmp_path / "slow.py").write_text(SLOW)
    sets = (f"app.python_path={tmp_path}", "server.services=slow:Slow", "server.drain_timeout=50s")
    return ("serve", *ALONE, *(word for each in sets for word in ("--set", each)))


@pytest.mark.parametrize("reactor", ["epoll", "asyncio", "uvloop"])
def test_open_calls_end_before_the_process_does(slow, reactor):
    """
    SIGTERM lets a provider go in good order: what was begun is answered.
    """
    with Running(*slow, "--set", f"app.reactor={reactor}") as provider:
        line = provider.line()
        assert line.startswith("serving demo.Slow at tcp:127.0.0.1:"), line
        call = ("call", "--address", address_in(line), "demo.Slow/wait", '{"seconds": 0.5}')
        with Running(*call, "--set", f"app.reactor={reactor}") as calling:
            assert "waiting" == provider.line()
            code, _, log = provider.end(signal.SIGTERM)
            assert (0, '"done"\n', "") == calling.wait()

    assert 0 == code, log
    assert "SIGTERM asks this process to end" in log
    assert "Traceback" not in log


def test_a_reload(tmp_path):
    """
    SIGHUP puts in use what can change, and names the rest; a mistake changes nothing.
    """
    file = tmp_path / "provider.ini"
    begin = "[registry]\nplugin = memory\n[client]\ntimeout = 3s\n[app]\n"
    file.write_text(f"{begin}log_level = info\n")
    with Running("serve", "-c", file, *GREETER[:4]) as provider:
        assert provider.line().startswith("serving demo.Greeter")
        file.write_text(f"{begin}log_level = infoo\n")
        provider.send(signal.SIGHUP)
        line = provider.log_until("the configuration is not reloaded")
        assert f"{file}:6: [app] log_level: " in line
        checked = rpcfw("config", "check", "-c", file)
        assert line.partition("reloaded: ")[2] in checked.stdout + checked.stderr

        file.write_text(f"{begin}shutdown_timeout = 7s\nlog_level = warn\n")
        provider.send(signal.SIGHUP)
        line = provider.log_until("wait for a restart")
        assert line.endswith("[app] shutdown_timeout\n")
        code, _, log = provider.end(signal.SIGTERM)
    assert 0 == code
    assert "SIGTERM asks this process to end" not in log  # it is logged as info


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
def test_a_reload_that_is_asked_for_too_early(slow, tmp_path, reactor):
    """
    SIGHUP while services are still imported does not end the process, which reloads afterwards.
    """
    with (tmp_path / "slow.py").open("a") as module:
        module.write("\nimport os, signal\nos.kill(os.getpid(), signal.SIGHUP)\n")
    with Running(*slow, "--set", f"app.reactor={reactor}") as provider:
        assert provider.line().startswith("serving demo.Slow")
        assert "changed: nothing" in provider.log_until("the configuration is reloaded")
        assert 0 == provider.end(signal.SIGTERM)[0]


def test_a_service_may_await_asyncio_as_it_starts(slow, tmp_path):
    """
    On asyncio's reactor the loop runs by the time that services are started.
    """
    with (tmp_path / "slow.py").open("a") as module:
        module.write(
            "\n    async def started(self) -> None:\n"
            "        import asyncio\n"
            "        await asyncio.wait_for(asyncio.sleep(0), 5)\n"
        )
    with Running(*slow, "--set", "app.reactor=asyncio") as provider:
        assert provider.line().startswith("serving demo.Slow")


def test_a_second_signal_ends_it_at_once(slow):
    """
    Who does not want to wait for open calls sends the signal again.
    """
    with Running(*slow) as provider:
        call = ("call", "--address", address_in(provider.line()), "--timeout", "60s")
        with Running(*call, "demo.Slow/wait", '{"seconds": 60}'):
            assert "waiting" == provider.line()
            provider.send(signal.SIGINT)
            provider.log_until("SIGINT asks this process to end")
            code, _, _ = provider.end(signal.SIGTERM)

    assert 128 + signal.SIGTERM == code


def test_told_to_stop_while_starting():
    """
    A provider that waits for its registry as it starts can be stopped.
    """
    sets = ("--set", "registry.address=127.0.0.1:1", "--set", "server.announce_timeout=60s")
    with Running("serve", "-c", "conf/provider.ini", *sets) as provider:
        provider.log_until("listening at")
        code, out, log = provider.end(signal.SIGTERM)

    assert 128 + signal.SIGTERM == code, log
    assert "" == out
    assert "Traceback" not in log


def test_it_serves_while_the_registry_is_away():
    """
    After announce_timeout a provider serves, and goes on trying to be known.
    """
    sets = ("--set", "registry.address=127.0.0.1:1", "--set", "server.announce_timeout=100ms")
    with Running("serve", "-c", "conf/provider.ini", *sets) as provider:
        assert provider.line().startswith("serving demo.Greeter at")
        code, _, log = provider.end()

    assert 0 == code
    assert "demo.Greeter is not announced yet" in log


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to serve: set [server] services"),
        (("--set", "server.services=nowhere:Greeter"), "there is no module 'nowhere'"),
        (("--set", "server.services=greeter"), "'greeter' is not written as module:Class"),
        (("--set", "server.services=os:getpid"), "'os:getpid' is no subclass of rpcfw.Service"),
        (("--set", "server.listen=2200"), "'2200' is no address"),
        (("--set", "registry.plugin=standalon"), "did you mean 'standalone'?"),
        (("--set", "app.reactor=select"), "'select' is none of auto, epoll, asyncio, uvloop"),
        (("--log-level", "loud"), "invalid choice: 'loud'"),
    ],
)
def test_what_a_person_has_to_mend(arguments, said):
    """
    A mistake in the configuration ends the start with 2 and a line that says what to do.
    """
    done = rpcfw("serve", *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_in_the_users_own_module(tmp_path):
    """
    What a service's module raises as it is loaded is told with its place.
    """
    (tmp_path / "broken.py").write_text("\n1 / 0\n")
    sets = ("--set", f"app.python_path={tmp_path}", "--set", "server.services=broken:Greeter")
    done = rpcfw("serve", *sets)

    assert 2 == done.returncode
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert f"{tmp_path}/broken.py:2" in done.stderr
    assert 1 == done.stderr.count("\n")


def test_an_address_in_use():
    """
    What may be otherwise next time ends the start with 1.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = rpcfw("serve", *GREETER, "--set", f"server.listen={address}")
        node = rpcfw("registry", "--listen", address)

    for failed in (done, node):
        assert (1, "") == (failed.returncode, failed.stdout)
        assert f"the server did not start: cannot listen at tcp:{address}: " in failed.stderr
        assert "Traceback" not in failed.stderr


def test_the_registry_node_takes_options():
    """
    Its options stand in [node], and are checked like any other.
    """
    node, _ = registry("--set", "node.max_lease=2s")
    with node:
        assert (0, "", "") == node.end(signal.SIGINT)

    wrong = rpcfw("registry", "--set", "node.max_leese=2s")

    assert 2 == wrong.returncode
    assert "did you mean 'max_lease'?" in wrong.stderr


def test_an_unix_socket(tmp_path):
    """
    A provider may listen at a Unix socket, and is called there.
    """
    at = f"unix:{tmp_path}/greeter"
    with Running("serve", *GREETER, "--set", f"server.listen={at}") as provider:
        assert f"serving demo.Greeter at {at}" == provider.line()
        done = rpcfw("call", "--address", at, "demo.Greeter/say", '{"name": "bob"}')
        assert '"hello bob"\n' == done.stdout, done.stderr
