"""
Puts the configuration in use as it is now, as far as it can change while the process runs.

Theory of operation. The configuration is read and checked as at a start. If it has a mistake,
nothing changes. Options that cannot change keep the text that they had, and so do the options
of plugins that only such an option names. What comes out is a
configuration that differs from the one in use only in what can change, and it is put in use
by the code that puts rules in use. Rules and what the program has replaced stay over it. The
next reload compares with that again, so it names once more what waits for a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import frozen
from twisted.logger import Logger

from rpcfw.app.application import Application
from rpcfw.app.plan import Plan, read_plan
from rpcfw.app.reload.live_options import bound_sections, is_live
from rpcfw.errors import SettingsError, SetupError
from rpcfw.kernel.differences import Place, differences, with_kept
from rpcfw.kernel.settings import Sources
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.waiting import sleep

__all__ = ["Reloaded", "Reloader"]

#: From the end of one reload to the next. A reload is computed at once, and calls wait for it.
_PAUSE_S = 1.0
#: So many options are named in a log line.
_MAX_NAMED = 20


@frozen
class Reloaded:
    """
    What a reload has done.

    Args:
        changed: options that are in use now as the configuration has them.
        waiting: options that are another only after a restart.
    """

    changed: tuple[str, ...]
    waiting: tuple[str, ...]


class Reloader:
    """
    Reloads the configuration of one application.

    Args:
        application: that was made from it.
        read: reads it again.
        claim: claims sections that only the command reads.
        change: makes a plan that of the command.
    """

    log = Logger()

    def __init__(
        self,
        application: Application,
        read: Callable[[], Sources],
        claim: Callable[[Sources], None] = lambda sources: None,
        change: Callable[[Plan], Plan] = lambda plan: plan,
    ) -> None:
        self._application = application
        self._read = read
        self._claim = claim
        self._change = change
        self._plan = application.plan
        self._busy = False
        self._again = False
        self._not_before = 0.0
        meter = application.runtime.plugin_context.meter
        self._count = meter.counter(
            "rpcfw_config_reloads_total", "readings of the configuration while it ran", "result"
        )

    async def reload(self) -> Reloaded:
        """
        Read the configuration, and put in use what can change.

        Raises:
            SettingsError: it has mistakes. Then nothing changes; so it is with any other error.
            PluginError: a plugin could not be made.
        """
        new = self._read()
        self._claim(new)
        sources, bound = self._plan.sources, bound_sections(self._plan, read_plan(new))
        places = differences(sources, new)
        waiting = [each for each in places if each[0].text in bound or not is_live(each)]
        effective = with_kept(sources, new, waiting)
        self._claim(effective)
        plan = self._change(_read_effective(effective, waiting))
        await self._application.policies.reconfigure(plan)
        server = self._application.server
        if server is not None:
            server.change_facts(plan.server)
        self._plan = plan
        changed = [place for place in places if place not in waiting]
        return Reloaded(_names(changed), _names(waiting))

    def begin(self) -> None:
        """
        Reload in the background, and log what came of it. May be called at any time.

        The access log is opened again, since the same signal says that it was renamed.

        Reloads that are asked for within a second of the last one are done as one.
        """
        writer = self._application.runtime.access_logs.writer
        if writer is not None:
            writer.reopen()
        self._again = True
        if not self._busy:
            self._busy = True
            in_background(self._run(), "reloading the configuration")

    async def _run(self) -> None:
        clock = self._application.runtime.clock
        try:
            while self._again:
                if (wait_s := self._not_before - clock.seconds()) > 0:
                    await sleep(clock, wait_s)
                self._again = False
                await self._logged()
                self._not_before = clock.seconds() + _PAUSE_S
        finally:
            self._busy = False

    async def _logged(self) -> None:
        try:
            done = await self.reload()
        except SetupError as error:
            self._count.of("refused").value += 1
            mistakes = str(error).splitlines()
            for line in mistakes[:_MAX_NAMED]:
                self.log.warn("the configuration is not reloaded: {line}", line=line)
        except Exception:  # noqa: BLE001 - of a plugin of the user's
            self._count.of("refused").value += 1
            self.log.failure("the configuration is not reloaded")
        else:
            self._count.of("done").value += 1
            self._tell(done)

    def _tell(self, done: Reloaded) -> None:
        changed = _listed(done.changed) or "nothing"
        self.log.info("the configuration is reloaded; changed: {changed}", changed=changed)
        if done.waiting:
            self.log.warn(
                "these options cannot change while the process runs, and wait for a restart: "
                "{waiting}",
                waiting=_listed(done.waiting),
            )


def _read_effective(sources: Sources, waiting: Sequence[Place]) -> Plan:
    """
    Read a configuration in which some options are kept.

    Raises:
        SettingsError: the new options do not fit those.
    """
    try:
        return read_plan(sources)
    except SettingsError as error:
        raise SettingsError(
            *error.mistakes,
            "the mistakes above are there only until a restart, for which these options wait: "
            f"{_listed(_names(waiting))}",
        ) from error


def _names(places: Iterable[Place]) -> tuple[str, ...]:
    return tuple(f"{name} {key}" for name, key in places)


def _listed(names: tuple[str, ...]) -> str:
    """
    Return names as text of bounded length. Values are not shown: they may be secret.
    """
    more = f", and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
