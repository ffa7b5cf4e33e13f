"""
A configuration with options over it that were given while the process runs.

The configuration was checked when the process started. Here only what lies over it is: its
sections, and what becomes of the configuration with them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from rpcfw.kernel.ini import Layer, Section, SectionName
from rpcfw.kernel.settings import Sources

__all__ = ["Overlay"]


class Overlay(Sources):
    """
    What one service, or the servers of this process, find in their sections.

    Args:
        base: the configuration.
        layer: lies over it; what is for the service has no qualifier.
        service: may be the qualifier of sections in the configuration; empty for none.
        replaced: sections of the configuration whose options do not count any longer, as
            the layer names other plugins.
    """

    def __init__(
        self, base: Sources, layer: Layer, service: str, replaced: Collection[SectionName] = ()
    ) -> None:
        super().__init__([layer])
        self._base = base
        self._service = service
        self._replaced = replaced

    def places(self, name: str, qualifier: str = "") -> Iterator[tuple[SectionName, Section]]:
        own = SectionName(name, "" if qualifier == self._service else qualifier)
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
