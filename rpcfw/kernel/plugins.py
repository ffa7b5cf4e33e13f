"""
Finding plugins: by entry-point group, and by ``[plugins]`` of the INI.

Nothing is imported before it is chosen. A line ``registries.mine = my.module:Class``
in ``[plugins]`` declares one without a distribution, and goes before an installed
one of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from attrs import evolve, frozen

from rpcfw.errors import PluginError
from rpcfw.kernel.loading import load, origin
from rpcfw.kernel.nearest import suggestion
from rpcfw.kernel.seams import GROUP_PREFIX, SEAMS
from rpcfw.spi.options import Declared, declared
from rpcfw.spi.plugin import Plugin

__all__ = ["Find", "Found", "Plugins", "installed", "local_plugin"]

P = TypeVar("P", bound=Plugin)

#: Gives the entry points of a group.
Find = Callable[[str], Iterable[EntryPoint]]

_TARGET = re.compile(r"[\w.]+:[\w.]+\Z")


def installed(group: str) -> Iterable[EntryPoint]:
    """
    Return what the installed distributions declare for a group.
    """
    return entry_points(group=group)


@frozen
class Found:
    """
    A plugin as ``rpcfw plugins`` lists it.

    Args:
        group: without the prefix, as ``registries``.
        target: ``module:Class``.
        origin: the distribution that declares it, or ``[plugins]``.
        version: of the distribution, empty if there is none.
        problem: why it cannot be used, empty if it can.
        meaning: first line of its docstring.
        options: what its section may say.
    """

    group: str
    name: str
    target: str
    origin: str
    version: str
    problem: str = ""
    meaning: str = ""
    options: tuple[Declared, ...] = ()


def local_plugin(key: str, target: str) -> EntryPoint:
    """
    Read one line of ``[plugins]``.

    Raises:
        PluginError: it is not ``GROUP.NAME = module:Class``.
    """
    word, dot, name = key.partition(".")
    if not dot or not name:
        raise PluginError("expected GROUP.NAME = module:Class, as registries.mine = my.module:Mine")
    group = GROUP_PREFIX + word
    if group not in SEAMS:
        raise PluginError(f"unknown group {word!r}; {suggestion(word, map(_word, SEAMS))}")
    if not _TARGET.match(target):
        raise PluginError(f"{target!r} names no class; expected module:Class")
    return EntryPoint(name, target, group)


class Plugins:
    """
    Every plugin that this process could use.

    Args:
        local: ``[plugins]`` of the INI.
        find: gives the entry points of a group.

    Raises:
        PluginError: a line of ``local`` cannot be read.
    """

    def __init__(self, local: Mapping[str, str] | None = None, find: Find = installed) -> None:
        self._find = find
        #: By group: to look among all distributions takes long, and rules choose plugins, too.
        self._groups: dict[str, dict[str, list[EntryPoint]]] = {}
        self._local: dict[tuple[str, str], EntryPoint] = {}
        for key, target in (local or {}).items():
            entry_point = local_plugin(key, target)
            self._local[entry_point.group, entry_point.name] = entry_point

    def names(self, group: str) -> tuple[str, ...]:
        """
        Return the names of a group's plugins, sorted.
        """
        return tuple(sorted(self._by_name(group)))

    def load(self, group: str, name: str, seam: type[P]) -> type[P]:
        """
        Return the class of one plugin.

        Args:
            group: an entry-point group, as ``rpcfw.registries``.
            name: as in the INI.
            seam: what the class must be a subclass of.

        Raises:
            PluginError: it is unknown, declared twice, broken, or lacks a module.
        """
        by_name = self._by_name(group)
        if name not in by_name:
            raise PluginError(
                f"no plugin is called {name!r} among {_word(group)}; {suggestion(name, by_name)}"
            )
        return load(_only(by_name[name]), seam)

    def listing(self, group: str | None = None) -> tuple[Found, ...]:
        """
        Return every plugin, each loaded to see whether it can be.

        Args:
            group: only this one's.
        """
        groups = sorted(SEAMS) if group is None else [group]
        return tuple(
            _found(each)
            for group in groups
            for _, declarations in sorted(self._by_name(group).items())
            for each in declarations
        )

    def with_option(self, group: str, key: str) -> tuple[str, ...]:
        """
        Return the names of a group's plugins that have an option, sorted.
        """
        listing = self.listing(group)
        return tuple(each.name for each in listing if any(key == one.name for one in each.options))

    def _by_name(self, group: str) -> dict[str, list[EntryPoint]]:
        if group not in self._groups:
            self._groups[group] = self._look_up(group)
        return self._groups[group]

    def _look_up(self, group: str) -> dict[str, list[EntryPoint]]:
        by_name: dict[str, list[EntryPoint]] = {}
        for each in self._find(group):
            by_name.setdefault(each.name, []).append(each)
        for (its_group, name), each in self._local.items():
            if its_group == group:
                by_name[name] = [each]
        return by_name


def _word(group: str) -> str:
    return group.removeprefix(GROUP_PREFIX)


def _only(declarations: list[EntryPoint]) -> EntryPoint:
    origins = sorted({origin(each) for each in declarations})
    if len(origins) > 1:
        first = declarations[0]
        raise PluginError(
            f"{_word(first.group)}.{first.name} is declared by {' and by '.join(origins)};"
            f" say which: [plugins] {_word(first.group)}.{first.name} = module:Class"
        )
    return declarations[0]


def _found(entry_point: EntryPoint) -> Found:
    found = Found(
        _word(entry_point.group),
        entry_point.name,
        entry_point.value,
        origin(entry_point),
        "" if entry_point.dist is None else entry_point.dist.version,
    )
    try:
        plugin = load(entry_point, SEAMS[entry_point.group])
    except PluginError as error:
        return evolve(found, problem=str(error))
    meaning = (plugin.__doc__ or "").strip().partition("\n")[0]
    return evolve(found, meaning=meaning, options=declared(plugin.Options))
