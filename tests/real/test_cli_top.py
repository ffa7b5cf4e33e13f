"""
``rpcfw top`` on a terminal and elsewhere, and ``rpcfw ls --watch``, with a provider.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import threading

import pytest

from tests.real.commands import COMMAND, LIMIT_S, Running, address_in, environment, registry, rpcfw
from tests.real.ports import free_ports

ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?25h\x1b[?1049l"


@pytest.fixture(scope="module")
def place():
    """
    The arguments that name a registry, in which a provider is.
    """
    node, at = registry()
    (port,) = free_ports(1)
    admin = f"tcp:127.0.0.1:{port}"
    sets = (f"admin.listen={admin}", f"server.tags=admin={admin}", "server.listen=tcp:127.0.0.1:0")
    serve = ["serve", "-c", "conf/provider.ini"]
    for one in sets:
        serve += ["--set", one]
    with node, Running(*serve, RPCFW_REGISTRY__ADDRESS=at) as provider:
        address_in(provider.line())
        yield ("--set", "registry.plugin=standalone", "--set", f"registry.address={at}")


class Terminal:
    """
    A terminal in which ``rpcfw top`` runs.
    """

    def __init__(self, *arguments):
        self._ours, self._theirs = pty.openpty()
        self.resize(24, 100)
        self.before = termios.tcgetattr(self._theirs)
        self.process = subprocess.Popen(
            [*COMMAND, "top", "--interval", "200ms", *arguments],
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        self._overdue = threading.Timer(LIMIT_S, self.process.kill)
        self._overdue.start()
        self.shown = b""

    def resize(self, lines, columns):
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, words):
        """
        Read what is shown until there are some words, and return all since the last ones.
        """
        while words not in self.shown:
            self.shown += os.read(self._ours, 65536)
        seen, _, self.shown = self.shown.partition(words)
        return seen

    def press(self, keys):
        os.write(self._ours, keys)

    @property
    def is_as_before(self):
        return self.before == termios.tcgetattr(self._theirs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._overdue.cancel()
        os.close(self._ours)
        os.close(self._theirs)


def test_a_terminal(place):
    """
    The table is drawn, keys are followed, another size too, and the terminal is left as it was.
    """
    with Terminal(*place) as terminal:
        terminal.until(ENTERED)
        terminal.until(b"INSTANCES")
        assert not terminal.is_as_before
        terminal.press(b"i")
        terminal.until(b"INSTANCE ")
        terminal.resize(24, 30)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.until(b"q quit  i instances/services  \x1b[K")
        terminal.press(b"q")
        terminal.until(LEFT)
        assert 0 == terminal.process.wait()
        assert terminal.is_as_before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal(place, number):
    """
    A signal ends it, and the terminal is as it was.
    """
    with Terminal(*place) as terminal:
        terminal.until(b"INSTANCES")
        terminal.process.send_signal(number)
        terminal.until(LEFT)
        terminal.process.wait()
        assert terminal.is_as_before


def test_it_is_suspended(place):
    """
    While it is stopped, as by Ctrl-Z, the terminal is as it was; then it is drawn again.
    """
    with Terminal(*place) as terminal:
        terminal.until(b"INSTANCES")
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.until(LEFT)
        os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert terminal.is_as_before
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until(ENTERED)
        terminal.until(b"INSTANCES")


def test_elsewhere(place):
    """
    Where there is no terminal the table is plain text, or JSON.
    """
    done = rpcfw("top", *place, "--once", "--interval", "100ms")
    assert (0, "") == (done.returncode, done.stderr)
    assert "\x1b" not in done.stdout
    assert "demo.Greeter          1" in done.stdout
    done = rpcfw("top", *place, "--once", "--json", "--interval", "100ms")
    found = json.loads(done.stdout)
    assert ["demo.Greeter"] == [each["service"] for each in found["services"]]
    assert (1, {}) == (found["processes"], found["silent"])


def test_changes_are_printed(place):
    """
    ``rpcfw ls --watch`` prints what is there, then each change as it comes.
    """
    watch = ("ls", *place, "demo.Greeter", "--watch")
    serve = ("serve", "-c", "conf/provider.ini", "--set", "server.listen=tcp:127.0.0.1:0")
    at = place[-1].partition("=")[2]
    with Running(*watch) as watching:
        assert "  added    demo.Greeter  tcp:" in watching.line()
        with Running(*serve, RPCFW_REGISTRY__ADDRESS=at) as other:
            address = address_in(other.line())
            assert f"  added    demo.Greeter  tcp:{address}  weight=" in watching.line()
            other.end()
            assert f"  removed  demo.Greeter  tcp:{address}" in watching.line()
        assert 0 == watching.end()[0]
