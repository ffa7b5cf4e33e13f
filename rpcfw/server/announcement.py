"""
One instance in a registry, which comes and goes while its server runs.

Theory of operation. What the registry was asked for last is compared with what is wanted now, and
one coroutine asks for the difference. The latest request counts: one that waits for a registry
that is unreachable is given up for the next. That takes nothing back: a registry announces what
it was asked to announce until it is asked to withdraw it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.errors import RegistryError
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import CANCELLED, spawn
from rpcfw.values.instance import Instance

__all__ = ["Announcement"]


class Announcement:
    """
    Announces and withdraws one instance.

    Args:
        registry: gets it.
        instance: as it is announced, if it is.
        answered: called when the registry has announced or refused it.
    """

    log = Logger()

    def __init__(
        self, registry: Registry, instance: Instance, answered: Callable[[Announcement], None]
    ) -> None:
        self.instance = instance
        #: Whether the registry has confirmed that it is announced.
        self.announced = False
        #: Why the registry does not take it; None: it does, or has not answered.
        self.refusal: RegistryError | None = None
        self._registry = registry
        self._on_answer = answered
        #: Set when the registry has answered, or need not any more.
        self._answered = Event()
        self._stopped = False
        self._wanted: Instance | None = None
        self._asked: Instance | None = None
        self._following: Deferred[None] | None = None
        self._waiting: Deferred[None] | None = None

    @property
    def wanted(self) -> bool:
        """
        Whether it is to be announced.
        """
        return self._wanted is not None

    async def begin(self) -> None:
        """
        Announce it for the first time; return when it is, or is not wanted any longer.

        It goes on if this is cancelled.

        Raises:
            RegistryError: it is refused.
        """
        self.want(True)
        await self._answered.wait()
        if self.refusal is not None:
            raise self.refusal

    def want(self, wanted: bool) -> None:
        """
        Announce or withdraw it, as soon as possible.
        """
        self._wanted = self.instance if wanted else None
        self.announced = self.announced and wanted
        if not wanted:
            self._answered.set()
        if self._following is None:
            following = in_background(self._follow(), f"announcing {self.instance.service}")
            if not following.called:
                self._following = following
        elif self._waiting is not None and self._wanted is not self._asked:
            self._waiting.cancel()

    def replace(self, instance: Instance) -> None:
        """
        Announce it with other facts from now on; its id is the same.
        """
        self.instance = instance
        if self.wanted:
            self.want(True)

    async def stop(self) -> None:
        """
        Withdraw it, whatever is wanted or under way.

        Raises:
            RegistryError: the registry refuses that.
        """
        self._stopped = True
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
        self._wanted = self._asked = None
        await self._registry.withdraw(self.instance)

    async def _follow(self) -> None:
        while self._asked is not self._wanted:
            old, self._asked = self._asked, self._wanted
            if self._asked is not None:
                await self._announce(self._asked)
            elif old is not None:
                await self._withdraw(old)
        self._following = None

    async def _announce(self, instance: Instance) -> None:
        waiting = self._waiting = spawn(self._registry.announce(instance))
        try:
            await waiting
        except CANCELLED as error:
            if self._stopped:
                raise
            if self._wanted is not instance:
                return  # it was given up for that
            self._fail(error)
        except RegistryError as error:
            self.announced, self.refusal = False, error
        except Exception as error:  # noqa: BLE001  # a bug in somebody's registry
            self._fail(error)
        else:
            self.announced, self.refusal = self.wanted, None
        finally:
            self._waiting = None
        self._answered.set()
        self._on_answer(self)

    def _fail(self, error: BaseException) -> None:
        self.log.failure("{registry} failed to announce", registry=str(self._registry))
        self.announced = False
        self.refusal = RegistryError(f"it failed by a bug: {type(error).__name__}")

    async def _withdraw(self, instance: Instance) -> None:
        try:
            await self._registry.withdraw(instance)
        except RegistryError as error:
            self.log.warn(
                "{service} could not be withdrawn: {error}", service=instance.service, error=error
            )
        except CANCELLED:
            raise
        except Exception:  # noqa: BLE001  # a bug in somebody's registry
            self.log.failure("{registry} failed to withdraw", registry=str(self._registry))
