"""
A terminal that shows one page at a time, by the control sequences that all terminals know.

What it was before, it is again after the block, however that is left.
"""

from __future__ import annotations

import os
import signal
import termios
import tty
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from rpcfw.cli.top.columns import cut, padded

__all__ = ["Screen"]

# ECMA-48 and xterm: the other buffer, and no cursor; then back.
_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME = "\x1b[H"
_REST_OF_LINE = "\x1b[K"
_REST_OF_PAGE = "\x1b[J"
_INVERSE, _PLAIN = "\x1b[7m", "\x1b[0m"
_DEFAULT_SIZE = os.terminal_size((80, 24))


class Screen:
    """
    A page in a terminal, and the keys that are pressed.

    Args:
        reactor: Twisted's; it runs in this thread.
        out: the terminal.
        keys: the descriptor that keys are read from.
        pressed: called with each key.
        redraw: called when the terminal has another size, or comes back.
    """

    def __init__(
        self,
        reactor: Any,
        out: TextIO,
        keys: int,
        pressed: Callable[[str], None],
        redraw: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._out = out
        self._keys = _Keys(keys, pressed)
        self._redraw = redraw
        self._modes: list[Any] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Screen:
        descriptor = self._keys.fileno()
        self._modes = termios.tcgetattr(descriptor)
        self._take()
        self._before = {
            signal.SIGWINCH: signal.signal(signal.SIGWINCH, self._resized),
            signal.SIGTSTP: signal.signal(signal.SIGTSTP, self._suspended),
        }
        self._reactor.addReader(self._keys)
        return self

    def __exit__(self, *_: object) -> None:
        self._reactor.removeReader(self._keys)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._give_back()

    def draw(self, lines: Sequence[str], title: int) -> None:
        """
        Show lines, as many and as much of each as fit.

        Args:
            title: the line that is shown inverse.
        """
        width, height = self.size
        shown = [cut(line, width) for line in lines[:height]]
        if title < len(shown):
            shown[title] = f"{_INVERSE}{padded(shown[title], width)}{_PLAIN}"
        page = "\r\n".join(f"{line}{_REST_OF_LINE}" for line in shown)
        self._write(f"{_HOME}{page}{_REST_OF_PAGE}")

    @property
    def size(self) -> os.terminal_size:
        """
        Columns and lines of the terminal.
        """
        try:
            size = os.get_terminal_size(self._out.fileno())
        except OSError:
            return _DEFAULT_SIZE
        return size if size.columns and size.lines else _DEFAULT_SIZE

    def _take(self) -> None:
        tty.setcbreak(self._keys.fileno(), termios.TCSADRAIN)
        self._write(_ENTER)

    def _give_back(self) -> None:
        self._write(_LEAVE)
        termios.tcsetattr(self._keys.fileno(), termios.TCSADRAIN, self._modes)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def _resized(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._redraw)

    def _suspended(self, number: int, frame: object) -> None:
        # Ctrl-Z: the shell is to find the terminal as it was.
        self._reactor.callFromThread(self._suspend)

    def _suspend(self) -> None:
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()
        self._redraw()


@implementer(IReadDescriptor)
class _Keys:
    """
    Reads keys, where the reactor says that there are some.
    """

    def __init__(self, descriptor: int, pressed: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._pressed = pressed

    def fileno(self) -> int:
        """
        Return the descriptor.
        """
        return self._descriptor

    def logPrefix(self) -> str:  # noqa: N802  # Twisted's name
        """
        Return the name in a log.
        """
        return "keys"

    def doRead(self) -> Failure | None:  # noqa: N802  # Twisted's name
        """
        Hand over what was pressed.
        """
        try:
            read = os.read(self._descriptor, 64)
        except OSError:
            return Failure()
        for key in read.decode("latin-1"):
            self._pressed(key)
        return None if read else Failure(EOFError("the terminal is closed"))

    def connectionLost(self, reason: Failure) -> None:
        """
        The terminal is gone: so is who looks at it.
        """
        self._pressed("q")
