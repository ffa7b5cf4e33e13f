"""
``twist rpcfw``: an application under Twisted's own runner.

For those who run their processes with ``twist``, which then keeps the log. Twisted
asks this module for `Options` and `makeService`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from rpcfw.app.application import Application
from rpcfw.app.reload.hangup import on_hangup
from rpcfw.app.reload.reloader import Reloader
from rpcfw.app.running import force_by_signal
from rpcfw.cli.codes import FAILED, GIVEN_UP
from rpcfw.errors import SetupError
from rpcfw.kernel.settings import Sources
from rpcfw.spi.runtime.waiting import spawn

__all__ = ["ApplicationService", "Options", "makeService"]


class Options(TwistedOptions):
    """
    The service of ``twist rpcfw``, read and checked before anything starts.
    """

    synopsis = "-c FILE [--config FILE ...] [--set SECTION.KEY=VALUE ...]"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self["files"] = []
        self["sets"] = []

    def opt_config(self, path: str) -> None:
        """
        Read settings from this INI file; several lie one over another.
        """
        self["files"].append(path)

    opt_c = opt_config

    def opt_set(self, text: str) -> None:
        """
        Set one option, as section.key=value, over all files and the environment.
        """
        self["sets"].append(text)

    def postOptions(self) -> None:
        """
        Make the application here, where a mistake still ends in a usage error.

        Twisted has chosen no reactor yet, unless an option names one, so what the INI
        file asks for is installed.
        """
        if not self["files"]:
            raise UsageError("no configuration given; write: twist rpcfw -c FILE")
        try:
            self["application"] = Application.from_ini(
                *self["files"], sets=self["sets"], environ=os.environ
            )
        except SetupError as error:
            raise UsageError(str(error)) from error


class ApplicationService(Service):
    """
    An application that starts and stops with Twisted's.

    Args:
        application: what is run.
        reactor: runs it, and is stopped if it does not start.
        reload: reads its configuration again, on SIGHUP; None: the signal is not handled.
        leave: ends the process with an exit code, which ``twist`` has no other way to.
    """

    log = Logger()

    def __init__(
        self,
        application: Application,
        reactor: Any,
        reload: Callable[[], None] | None = None,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._application = application
        self._reactor = reactor
        self._leave = leave
        self._signals = ExitStack()
        self._reload = reload

    def startService(self) -> None:
        """
        Start the application in the reactor's first turn: asyncio's loop runs then.
        """
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's
        if self._reload is not None:
            self._signals.enter_context(on_hangup(self._reactor, self._reload))
        self._reactor.callLater(0, self._start)

    def stopService(self) -> Deferred[None]:
        """
        Stop the application; Twisted waits for it. A further signal ends the process.
        """
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's
        # Twisted's own handler would log that its reactor stops already, and no more.
        force_by_signal()
        return spawn(self._stop())

    async def _stop(self) -> None:
        await self._application.stop()
        self._signals.close()
        server = self._application.server
        if server is not None and server.given_up:
            self._end_with(GIVEN_UP)

    def _start(self) -> None:
        spawn(self._application.start()).addErrback(self._not_started)

    def _not_started(self, failure: Failure) -> None:
        if not self.running:
            return  # stopped while it was starting
        if failure.check(SetupError):
            self.log.critical("{text}", text=failure.getErrorMessage())
        else:
            self.log.failure("The application did not start", failure)
        self._end_with(FAILED)
        self._reactor.stop()

    def _end_with(self, code: int) -> None:
        """
        Let whoever watches the process, a supervisor say, see how it went.
        """
        self._reactor.addSystemEventTrigger("after", "shutdown", self._exit, code)

    def _exit(self, code: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._leave(code)


def makeService(options: Options) -> IService:
    """
    Return the service that ``twist`` runs.
    """
    application = options["application"]
    reloader = Reloader(
        application, lambda: Sources.load(options["files"], os.environ, options["sets"])
    )
    reactor = application.runtime.reactor.get()
    service: IService = ApplicationService(application, reactor, reloader.begin)
    return service
