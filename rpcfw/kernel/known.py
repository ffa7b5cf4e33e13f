"""
Which sections and options exist, and which ones in the configuration are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rpcfw.kernel.ini import Mistake, Origin, Section, SectionName
from rpcfw.kernel.layers import PREFIX
from rpcfw.kernel.nearest import nearest, suggestion

__all__ = ["NOWHERE", "Known", "renamed"]

#: Order of mistakes that are in no file: after all others.
NOWHERE = (1 << 30, 0)
#: The commands that alone read a section: other commands refuse it, and say whose it is.
_OF_COMMANDS = {
    "bus": "rpcfw registry",
    "console": "rpcfw console and rpcfw top",
    "node": "rpcfw registry",
    "probe": "rpcfw probe",
}


class Known:
    """
    The names of sections and options that parts of the application read.
    """

    def __init__(self) -> None:
        self._keys: dict[SectionName, set[str]] = {}
        self._left: set[str] = set()
        #: Single sections that are not checked, of names that are.
        self._left_sections: set[SectionName] = set()
        #: Options that name plugins, by the name of the sections that those have.
        self._naming: dict[str, dict[str, None]] = {}
        #: Earlier names of options, with the present ones.
        self._renamed: dict[tuple[str, str], str] = {}
        #: Where options are written that are not in the section of their plugin.
        self._shared: dict[tuple[SectionName, str], SectionName] = {}
        #: What tells which plugins have an option, by the name of the section that names one.
        self._owners: dict[str, Callable[[str], Sequence[str]]] = {}

    def rename(self, name: str, was: str, key: str) -> None:
        """
        Note the earlier name of an option, in all sections of this name.
        """
        self._renamed[name, was] = key

    def put(self, key: str, section: SectionName, place: SectionName) -> None:
        """
        Note an option of a section that is written in a place, which several sections may share.
        """
        self.add(section.name, section.qualifier, ())
        self.add(place.name, place.qualifier, (key,))
        if place != section:
            self._shared[section, key] = place

    def owned(self, name: str, owners: Callable[[str], Sequence[str]]) -> None:
        """
        Note which plugins an option could belong to, in all sections of this name.

        Args:
            owners: returns the names of the plugins that have an option.
        """
        self._owners[name] = owners

    def add(self, name: str, qualifier: str, keys: Iterable[str]) -> None:
        """
        Know the keys in the qualified section and in the plain one beneath it.
        """
        known = tuple(keys)
        for place in {SectionName(name), SectionName(name, qualifier)}:
            self._keys.setdefault(place, set()).update(known)

    def leave(self, name: str) -> None:
        """
        Do not check these sections: accept every option in them.
        """
        self._left.add(name)

    def leave_section(self, name: str, qualifier: str) -> None:
        """
        Do not check this section and the plain one beneath it.
        """
        self._left_sections |= {SectionName(name), SectionName(name, qualifier)}

    def named_in(self, name: str, option: str) -> None:
        """
        Note that sections of this name are for the plugins that an option names.

        Args:
            option: as ``[client] routers``.
        """
        self._naming.setdefault(name, {})[option] = None

    def names(self) -> set[str]:
        """
        Return the names of the known sections, without qualifiers.
        """
        return {each.name for each in self._keys} | self._left | {*self._naming}

    def unknown(self, sections: Mapping[SectionName, Section]) -> Iterator[Mistake]:
        """
        Yield the sections and options that no part reads.
        """
        for name, section in sections.items():
            if name.name in self._left or name in self._left_sections:
                continue
            known = self._keys.get(name)
            if known is None:
                yield Mistake(section.origin, f"{name}: {self._why_unknown(name)}")
                continue
            for key, given in section.values.items():
                if key not in known:
                    reason = self._why_elsewhere(name, key, sections) or self._why_not(name, key)
                    yield Mistake(given.origin, f"{name} {key}: {reason}")

    def strays(self, variables: Sequence[str]) -> Iterator[Mistake]:
        """
        Yield environment variables that would be options if written with `__`.
        """
        meant = {
            f"{PREFIX}{place.name}_{key}".upper(): (place.name, key)
            for place, keys in self._keys.items()
            for key in keys
        }
        for variable in variables:
            if variable.upper() in meant:
                section, key = meant[variable.upper()]
                written = f"{PREFIX}{section.upper()}__{key.upper()}"
                reason = f"[{section}] {key} is written {written}, with two underscores between"
                yield Mistake(Origin(f"environment {variable}", NOWHERE), reason)

    def _why_elsewhere(
        self, name: SectionName, key: str, sections: Mapping[SectionName, Section]
    ) -> str:
        place = self._shared.get((name, key))
        if place is None:
            return ""
        there = sections[place].values.get(key) if place in sections else None
        also = f", where it is, too: {there.origin}" if there is not None else ""
        return f"this option is shared; write it in {place} only{also}"

    def _why_not(self, name: SectionName, key: str) -> str:
        name_now = self._renamed.get((name.name, key))
        if name_now is not None:
            return renamed(name_now)
        known = self._keys[name]
        owners: Sequence[str] = ()
        if name.name in self._owners and not nearest(key, known):
            owners = self._owners[name.name](key)
        of_another = f"it is for plugin = {' or '.join(owners)}; " if owners else ""
        return f"unknown option; {of_another}{suggestion(key, known)}"

    def _why_unknown(self, name: SectionName) -> str:
        names = self.names()
        if name.name not in names and not name.qualifier and name.name in _OF_COMMANDS:
            command = _OF_COMMANDS[name.name]
            return f"only {command} can read this section; use a file without it for other commands"
        if name.name not in names:
            return f"unknown section; {suggestion(name.name, names)}"
        qualifiers = {each.qualifier for each in self._keys if each.name == name.name} - {""}
        options = " or ".join(self._naming.get(name.name, ()))
        nearest = suggestion(name.qualifier, qualifiers)
        if not name.qualifier or not options:
            return f"nothing here is called {name.qualifier}; {nearest}"
        reason = f"not in use: write {name.qualifier} in {options}"
        return f"{reason}; {nearest}" if qualifiers else reason


def renamed(name: str) -> str:
    """
    Say what an option is called whose earlier name was given.
    """
    return f"this option is called {name} now; write {name} = ..."
