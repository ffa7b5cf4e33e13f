"""
OpenSSL contexts that follow their files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.logger import Logger
from zope.interface import implementer

from rpcfw.errors import SetupError
from rpcfw.spi.runtime.clock import Clock

if TYPE_CHECKING:
    from OpenSSL.SSL import Context

__all__ = ["MAX_AGE_S", "Contexts"]

#: A server's context has the keys of its session tickets, and OpenSSL never changes them. With
#: TLS 1.2 they decrypt what was recorded of all connections that a ticket was issued for. So a
#: context is replaced after this time.
MAX_AGE_S = 3600.0


@implementer(IOpenSSLContextFactory)
class Contexts:
    """
    A context factory, in Twisted's sense, that follows its files.

    What cannot be used is reported once; then what was read last is used until it changes again.

    Args:
        files: what a context is made of.
        read: reads them, and returns what makes contexts of what was read.
        clock: to replace a context after `MAX_AGE_S`; None: only when the files change.
    """

    log = Logger()

    def __init__(
        self,
        files: Sequence[Path],
        read: Callable[[], Callable[[], Context]],
        clock: Clock | None = None,
    ) -> None:
        self._files = files
        self._read = read
        self._clock = clock
        self._read_at = self._changed_at()
        self._make = read()
        self._made = self._make()
        self._made_at = self._now()

    def getContext(self) -> Context:  # noqa: N802  # the name is Twisted's
        """
        Return the context for one more connection.
        """
        changed_at = self._changed_at()
        if changed_at != self._read_at:
            self._read_at = changed_at
            self._read_again()
        elif self._now() - self._made_at >= MAX_AGE_S:
            # The files are not read: this process may not be allowed to any more.
            self._made, self._made_at = self._make(), self._now()
        return self._made

    def _read_again(self) -> None:
        try:
            make = self._read()
            self._made = make()
        except SetupError as error:
            self.log.warn("the TLS files that were read last stay in use: {error}", error=error)
        else:
            self._make, self._made_at = make, self._now()
            self.log.info("read {file} again", file=str(self._files[0]))

    def _now(self) -> float:
        return 0.0 if self._clock is None else self._clock.seconds()

    def _changed_at(self) -> list[tuple[int, ...]]:
        return [_changed_at(file) for file in self._files]


def _changed_at(file: Path) -> tuple[int, ...]:
    """
    Return what is different once a file was written, or another one was put in its place.
    """
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino
