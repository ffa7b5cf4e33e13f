"""
Plugins that may be replaced while calls go through them.

Theory of operation. A replacement is a new instance, of the same class with other options or
of another class. One may also be added, or removed. A replacement goes through these steps,
and up to the last one the old instance stays in use::

    make     from options that were checked
    start    awaited, if its owner has started its plugins
    join     it takes over what the old one of its class has learned; new stacks are made with it
    put      calls that begin from now on take the new stacks

The last two are done without a wait in between, for all owners that take part. So no call
sees half of a replacement, and a failure before leaves everything as it was.

A call that has begun keeps the stack that it began with. Nothing counts those calls: the
innermost step of a stack refers to a `Generation`, and so does, through that step, every
call that is in the stack. When the last of them has ended, the generation is freed, and
then the plugins that were replaced are stopped.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from attrs import define

from rpcfw.kernel.hooks import Hooks
from rpcfw.spi.filter import CallStep
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.runtime.waiting import spawn

__all__ = ["Change", "Generation", "LivePlugins", "Replacement", "replace_all"]


#: A plugin and what takes its place; None: nothing was there, or nothing takes it.
Change = tuple[Plugin | None, Plugin | None]


class Generation:
    """
    Stands for the calls that began with the same stacks.
    """

    __slots__ = ("__weakref__", "later")

    def __init__(self) -> None:
        #: Kept as long as this one is: a plugin may be in several generations, and is
        #: stopped after the calls of all of them.
        self.later: Generation | None = None

    def held_by(self, innermost: CallStep) -> CallStep:
        """
        Have the innermost step of a new stack refer to this one, and return the step.
        """
        innermost.__dict__["generation"] = self
        return innermost


class LivePlugins:
    """
    The plugins of one owner, in the order of their start.

    Args:
        plugins: they.
        hooks: runs what they do at their start and stop.
        post: runs a function in the reactor's thread, soon; see `Threads.post`.
    """

    def __init__(self, plugins: Iterable[Plugin], hooks: Hooks, post: Callable[..., Any]) -> None:
        self._waiting = list(plugins)
        self._hooks = hooks
        self._post = post
        self._begun = self._stopped = False
        #: What was started to replace another one, and is not in its place yet.
        self._ahead: list[Plugin] = []
        self.generation = Generation()

    async def start(self) -> None:
        """
        Start those that were not started yet.
        """
        self._begun = True
        while self._waiting and not self._stopped:
            await self._start(self._waiting.pop(0))

    async def stop(self) -> None:
        """
        Stop all that were started, the last first; those that were replaced, too.
        """
        self._stopped = True
        await self._hooks.stop()

    def unstarted(self, fresh: Iterable[Plugin]) -> list[Plugin]:
        """
        Return those of ``fresh`` that have to be started before they are put in place.
        """
        if self._stopped or not self._begun:
            return []
        return [each for each in fresh if not _is_in(each, self._ahead)]

    async def start_ahead(self, fresh: Iterable[Plugin]) -> None:
        """
        Start what is about to replace others.
        """
        for each in self.unstarted(fresh):
            await self._start(each)
            self._ahead.append(each)

    async def discard(self, fresh: Iterable[Plugin]) -> None:
        """
        Stop those of ``fresh`` that were started: they replace nothing after all.
        """
        for each in fresh:
            if _is_in(each, self._ahead):
                self._ahead.remove(each)
                await self._hooks.stop_plugin(each)

    def replaced(self, pairs: Iterable[Change], generation: Generation) -> None:
        """
        Note that new plugins have taken the place of old ones.

        Args:
            generation: that of the calls which begin now.
        """
        earlier, self.generation = self.generation, generation
        earlier.later = generation
        for old, new in pairs:
            self._ahead = [each for each in self._ahead if each is not new]
            waits = old is not None and _is_in(old, self._waiting)
            fresh = [] if new is None or self._begun else [new]
            if waits:
                index = next(i for i, each in enumerate(self._waiting) if each is old)
                self._waiting[index : index + 1] = fresh
            else:
                self._waiting += fresh
            if old is not None and self._begun and not waits:
                weakref.finalize(earlier, self._unused, old).atexit = False

    async def _start(self, plugin: Plugin) -> None:
        await self._hooks.start((plugin,))
        if self._stopped:
            await self._hooks.stop()  # meanwhile

    def _unused(self, plugin: Plugin) -> None:
        # Memory is freed in any thread. A loop that is closed takes nothing more.
        if not self._stopped:
            with suppress(RuntimeError):
                self._post(partial(self._stop, plugin))

    def _stop(self, plugin: Plugin) -> None:
        spawn(self._hooks.stop_plugin(plugin))


@define(eq=False)
class Replacement:
    """
    New plugins for one owner.

    Args:
        plugins: the owner's.
        pairs: each old plugin with the new one, those that are added and that are removed.
        join: makes new stacks for the owner; returns what puts them in place, which
            may not fail.
    """

    plugins: LivePlugins
    pairs: Sequence[Change]
    join: Callable[[Generation], Callable[[], None]]

    @property
    def fresh(self) -> list[Plugin]:
        """
        The new plugins.
        """
        return [new for _, new in self.pairs if new is not None]

    def start(self) -> Awaitable[None]:
        return self.plugins.start_ahead(self.fresh)

    def prepare(self) -> Callable[[], None]:
        """
        Have the new plugins take over from the old ones; return what puts them in place.
        """
        for old, new in self.pairs:
            if new is not None and type(new) is type(old):
                new.take_over(old)
        generation = Generation()
        put_stacks = self.join(generation)

        def put() -> None:
            put_stacks()
            self.plugins.replaced(self.pairs, generation)

        return put


async def replace_all(further: Callable[[], Iterable[Replacement]]) -> None:
    """
    Do all replacements, or none if one of them fails.

    Args:
        further: returns the replacements that it has not returned before. While plugins are
            started, owners may come that have to take part.

    Raises:
        BaseException: what a plugin raised as it was started or took over.
    """
    replacements = [*further()]
    try:
        # While one owner's are awaited another owner may begin to start its own.
        while any(each.plugins.unstarted(each.fresh) for each in replacements):
            for each in replacements:
                await each.start()
            replacements += further()
        puts = [each.prepare() for each in replacements]
    except BaseException:
        for each in replacements:
            await each.plugins.discard(each.fresh)
        raise
    for put in puts:
        put()


def _is_in(plugin: Plugin, plugins: Iterable[Plugin]) -> bool:
    return any(plugin is each for each in plugins)
