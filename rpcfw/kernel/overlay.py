"""
A configuration with options over it that were given while the process runs.

The configuration was checked when the process started. Here only what lies over it is: its
sections, and what becomes of the configuration with them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

from rpcfw.kernel.ini import Given, Layer, Section, SectionName
from rpcfw.kernel.settings import Sources
from rpcfw.spi.options import Declared, declared

__all__ = ["Overlay"]

O = TypeVar("O")  # noqa: E741  # O for options


def _anything(option: Declared, given: Given) -> str:
    """
    Refuse nothing.
    """
    return ""


class Overlay(Sources):
    """
    What one service, or the servers of this process, find in their sections.

    Args:
        base: the configuration.
        layer: lies over it; what is for the service has no qualifier.
        service: may be the qualifier of sections in the configuration; empty for none.
        replaced: sections of the configuration whose options do not count any longer, as
            the layer names other plugins.
        refusal: returns why the layer may not give an option; empty if it may.
    """

    def __init__(
        self,
        base: Sources,
        layer: Layer,
        service: str,
        replaced: Collection[SectionName] = (),
        refusal: Callable[[Declared, Given], str] = _anything,
    ) -> None:
        super().__init__([layer])
        self._base = base
        self._service = service
        self._replaced = replaced
        self._refusal = refusal

    def section(
        self,
        name: str,
        options: type[O],
        qualifier: str = "",
        extra_keys: Iterable[str] = (),
        named_by: tuple[str, str, str] | None = None,
    ) -> O:
        self._refuse(self._own(name, qualifier), options)
        return super().section(name, options, qualifier, extra_keys, named_by)

    def _refuse(self, own: SectionName, options: type) -> None:
        """
        Note what the layer may not give, and leave it out: to check a value may be to use it.
        """
        section = self._sections.get(own)
        if section is None:
            return
        for option in declared(options):
            given = section.values.get(option.name)
            reason = "" if given is None else self._refusal(option, given)
            if given is not None and reason:
                self._blame(given.origin, own, option.name, reason)
                del section.values[option.name]

    def _own(self, name: str, qualifier: str) -> SectionName:
        return SectionName(name, "" if qualifier == self._service else qualifier)

    def places(self, name: str, qualifier: str = "") -> Iterator[tuple[SectionName, Section]]:
        own = self._own(name, qualifier)
        section = self._sections.get(own)
        if section is not None:
            yield own, section
        if own not in self._replaced:
            yield from self._base.places(name, qualifier)

    def qualifiers(self, name: str) -> tuple[str, ...]:
        return tuple(sorted({*super().qualifiers(name), *self._base.qualifiers(name)}))

    @property
    def is_empty(self) -> bool:
        """
        Whether nothing is given over the configuration.
        """
        return not self._sections

    def leave_unused(self, is_used: Callable[[SectionName, Section], bool]) -> None:
        """
        Leave the sections unchecked that nothing here uses: they are for others.
        """
        for name, section in self._sections.items():
            if not is_used(name, section):
                self.leave_section(name.name, name.qualifier)
