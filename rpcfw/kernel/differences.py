"""
Two readings of one configuration: which options differ, and what is kept of the first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from rpcfw.kernel.ini import Given, Layer, Section, SectionName
from rpcfw.kernel.settings import Sources

__all__ = ["Place", "differences", "with_kept"]

#: Where an option is: its section and its key.
Place = tuple[SectionName, str]


def differences(old: Sources, new: Sources) -> list[Place]:
    """
    Return the options whose text differs, in the order of the new configuration.
    """
    before, after = dict(_values(old.sections)), dict(_values(new.sections))
    return [place for place in {**after, **before} if _text(before, place) != _text(after, place)]


def with_kept(old: Sources, new: Sources, kept: Collection[Place]) -> Sources:
    """
    Return the new configuration, with some options as they are in the old one.
    """
    before, layer = dict(_values(old.sections)), Layer()
    for name, section in new.sections.items():
        values = {key: each for key, each in section.values.items() if (name, key) not in kept}
        if values or not section.values:
            layer.sections[name] = Section(section.origin, values)
    for name, key in kept:
        given = before.get((name, key))
        if given is not None:
            layer.give(name, key, given)
    return Sources([layer], "settings")


def _values(sections: Mapping[SectionName, Section]) -> Iterator[tuple[Place, Given]]:
    for name, section in sections.items():
        for key, given in section.values.items():
            yield (name, key), given


def _text(values: Mapping[Place, Given], place: Place) -> str | None:
    given = values.get(place)
    return None if given is None else given.text
