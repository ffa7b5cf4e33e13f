"""
Plugins as the INI chooses them: the class by its name, with its options.

A name that nobody knows is noted among the mistakes of the settings, so that it is
reported with all the others and with its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Generic, TypeVar

from attrs import frozen

from rpcfw.errors import PluginError, SettingsError, SetupError
from rpcfw.kernel.plugins import Find, Plugins, installed, local_plugin
from rpcfw.kernel.raised import described
from rpcfw.kernel.settings import Sources
from rpcfw.spi.plugin import Plugin, PluginContext

__all__ = ["Chooser", "Chosen"]

P = TypeVar("P", bound=Plugin)


@frozen
class Chosen(Generic[P]):
    """
    A plugin that was chosen, not made yet.

    Args:
        name: as the INI names it.
        plugin: its class.
        options: an instance of its ``Options``.
        place: where the INI names it, to begin a message with.
        section: that has its options.
        parts: plugins that its option ``parts_key`` names. It gets them as a third argument.
    """

    name: str
    plugin: type[P]
    options: Any
    place: str = ""
    section: str = ""
    parts: tuple[Chosen[Any], ...] = ()
    parts_key: str = ""

    def make(self, plugin_context: PluginContext) -> P:
        """
        Return a new instance.

        Raises:
            SettingsError: its options are wrong, as its class says.
            PluginError: its class raised something else.
        """
        parts = [part.make(plugin_context) for part in self.parts]
        try:
            if self.parts_key:
                made = self.plugin(self.options, plugin_context, parts)  # type: ignore[call-arg]
            else:
                made = self.plugin(self.options, plugin_context)
        except SetupError as error:
            lines = str(error).splitlines()
            raise SettingsError(
                *(f"{self.place}: {self.name}: {line}" for line in lines)
            ) from error
        except Exception as error:
            # A constructor of somebody's may raise anything.
            target = f"{self.plugin.__module__}:{self.plugin.__qualname__}"
            raise PluginError(
                f"{self.place}: {self.name}: {target} cannot be made; its constructor raised "
                f"{described(error, __file__)}"
            ) from error
        made.configured_as = self.section
        return made


class Chooser:
    """
    Resolves the plugin names of one configuration.

    Args:
        sources: where names and options are given, and mistakes are noted.
        find: gives the entry points of a group.
        plugins: those there are; None: what is installed, and ``[plugins]``, which is claimed.
    """

    def __init__(
        self, sources: Sources, find: Find = installed, plugins: Plugins | None = None
    ) -> None:
        self._sources = sources
        self.plugins = plugins or Plugins(self._local(), find)

    def reading(self, sources: Sources) -> Chooser:
        """
        Return one that knows the same plugins, and finds their names and options elsewhere.
        """
        return Chooser(sources, plugins=self.plugins)

    def one(
        self,
        group: str,
        seam: type[P],
        section: str,
        default: str = "",
        *,
        key: str = "plugin",
        qualifier: str = "",
        extra_keys: Iterable[str] = (),
        needed: bool = False,
    ) -> Chosen[P] | None:
        """
        Return the plugin that ``[section] key`` names, its options in that section too.

        Args:
            default: its name if the key is not given; if that is empty too, none.
            extra_keys: what else the section may hold.
            needed: an empty name is a mistake.

        Returns:
            None if none is named, or it cannot be had; that is noted then.
        """
        name = self._sources.raw(section, key, default, qualifier)
        self._sources.owned(section, partial(self.plugins.with_option, group))
        if not name and needed:
            self._sources.blame(section, key, f"name a plugin, as {default}", qualifier)
        if not name:
            return None
        plugin = self._plugin(group, seam, name, (section, key, qualifier))
        if plugin is None:
            self._sources.leave_section(section, qualifier)
            return None
        options: Any = self._sources.section(
            section, plugin.Options, qualifier, extra_keys=(key, *extra_keys)
        )
        place = self._sources.place(section, key, qualifier)
        return Chosen(name, plugin, options, place, section)

    def several(
        self,
        group: str,
        seam: type[P],
        names: Iterable[str],
        *,
        named_by: tuple[str, str, str],
        section: str,
    ) -> tuple[Chosen[P], ...]:
        """
        Return plugins by their names, the options of each in ``[section NAME]``.

        Args:
            names: in order; what cannot be had is noted and left out.
            named_by: section, key and qualifier of the option that holds the names.
            section: what precedes each name, as ``router`` in ``[router NAME]``.
        """
        chosen = []
        names = tuple(names)
        self._sources.named_in(section, named_by)
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                key, qualifier = named_by[1:]
                self._sources.blame(named_by[0], key, f"{name} is named more than once", qualifier)
            plugin = self._plugin(group, seam, name, named_by)
            if plugin is None:
                self._sources.leave_section(section, name)
            else:
                options: Any = self._sources.section(
                    section, plugin.Options, name, named_by=named_by
                )
                place = self._sources.place(*named_by)
                chosen.append(Chosen(name, plugin, options, place, f"{section} {name}"))
        return tuple(chosen)

    def _local(self) -> dict[str, str]:
        local = {}
        for key, target in self._sources.mapping("plugins").items():
            try:
                local_plugin(key, target)
            except PluginError as error:
                self._sources.blame("plugins", key, error)
            else:
                local[key] = target
        return local

    def _plugin(
        self, group: str, seam: type[P], name: str, named_by: tuple[str, str, str]
    ) -> type[P] | None:
        try:
            return self.plugins.load(group, name, seam)
        except PluginError as error:
            section, key, qualifier = named_by
            self._sources.blame(section, key, error, qualifier)
            return None
