"""
Options that are given while the process runs, over those of its configuration.

Later lines win, key by key:

    the program, for all services
    the program, for one service
    the rules of the application
    the rules of the service
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, field, frozen

from rpcfw.kernel.ini import Given, Origin

__all__ = ["GivenOptions", "Sections"]

#: Options as text by section, as ``retry`` or ``router tag``.
Sections = Mapping[str, Mapping[str, Given]]

_BY_PROGRAM = Origin("replaced at run time")


@frozen
class GivenOptions:
    """
    What is given, by service; the empty name is for all.
    """

    program: Mapping[str, Sections] = field(factory=dict)
    rules: Mapping[str, Sections] = field(factory=dict)

    def by_program(self, section: str, service: str, texts: Mapping[str, str]) -> GivenOptions:
        """
        Return the same with other options of one section, given by the program.
        """
        options = {key: Given(text, _BY_PROGRAM) for key, text in texts.items()}
        sections = {**self.program.get(service, {}), section: options}
        return evolve(self, program={**self.program, service: sections})

    def by_rules(self, service: str, sections: Sections) -> GivenOptions:
        """
        Return the same with these rules of a service, or of the application.
        """
        return evolve(self, rules={**self.rules, service: sections})

    def of(self, section: str, service: str, *, shared: bool = True) -> dict[str, Given]:
        """
        Return the options of a section.

        Args:
            shared: what is given for all services is for this one, too.
        """
        names = dict.fromkeys(([""] if shared else []) + [service])
        found: dict[str, Given] = {}
        for layer in (self.program, self.rules):
            for name in names if service else ([""] if shared else []):
                found.update(layer.get(name, {}).get(section, {}))
        return found
