"""
Options that are given while the process runs, over those of its configuration.

Later lines win, key by key:

    the program, for all services
    the program, for one service
    the rules of the application
    the rules of the service

A line that names another plugin begins anew: what is given for the plugin of a weaker
place does not count for this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from attrs import evolve, field, frozen

from rpcfw.kernel.ini import Given, Layer, Origin, Section, SectionName

__all__ = ["BY_PROGRAM", "PLUGIN", "GivenOptions", "Sections"]

#: Options by section.
Sections = Mapping[SectionName, Section]

#: The option that names the plugin of a section.
PLUGIN = "plugin"

#: Where options stand that the program gives.
BY_PROGRAM = Origin("replaced at run time")


@frozen
class GivenOptions:
    """
    What is given, by service; the empty name is for all.
    """

    program: Mapping[str, Sections] = field(factory=dict)
    rules: Mapping[str, Sections] = field(factory=dict)

    def by_program(
        self, section: SectionName, service: str, texts: Mapping[str, str]
    ) -> GivenOptions:
        """
        Return the same with other options of one section, given by the program.
        """
        values = {key: Given(text, BY_PROGRAM) for key, text in texts.items()}
        sections = {**self.program.get(service, {}), section: Section(BY_PROGRAM, values)}
        return evolve(self, program={**self.program, service: sections})

    def by_rules(self, service: str, sections: Sections) -> GivenOptions:
        """
        Return the same with these rules of a service, or of the application.
        """
        return evolve(self, rules={**self.rules, service: sections})

    def concerns(self, service: str) -> tuple[Sections | None, ...]:
        """
        Return what a service goes by. As long as it is the same, nothing changes for it.
        """
        places = (self.program, self.rules)
        return tuple(place.get(owner) for place in places for owner in ("", service))

    def is_given_for(self, service: str) -> bool:
        """
        Tell whether a service or one of its methods has anything of its own.
        """
        shared = [*self.program.get("", ()), *self.rules.get("", ())]
        owners = {name.qualifier.partition("/")[0] for name in shared if "/" in name.qualifier}
        return service in owners or bool(self.program.get(service) or self.rules.get(service))

    def over(
        self,
        service: str,
        configured: Callable[[SectionName], str],
        is_shared: Callable[[SectionName], bool],
    ) -> tuple[Layer, set[SectionName]]:
        """
        Return what lies over the configuration of a service, and the sections that begin anew.

        Args:
            configured: returns the name of the plugin that a section has in the configuration.
            is_shared: tells whether a section that is given for all services is for this one.
        """
        layer, anew = Layer(), set[SectionName]()
        for name, section in self._weakest_first(service, is_shared):
            found = layer.sections.setdefault(name, Section(section.origin))
            plugin = section.values.get(PLUGIN)
            if plugin is not None and plugin.text != _plugin_of(found, configured(name)):
                found.values.clear()
            found.values.update(section.values)
            if _plugin_of(found, configured(name)) == configured(name):
                anew.discard(name)
            else:
                anew.add(name)
        return layer, anew

    def _weakest_first(
        self, service: str, is_shared: Callable[[SectionName], bool]
    ) -> Iterator[tuple[SectionName, Section]]:
        for place in (self.program, self.rules):
            for owner in dict.fromkeys(("", service)):
                for name, section in place.get(owner, {}).items():
                    if owner == service or is_shared(name):
                        yield name, section


def _plugin_of(section: Section, otherwise: str) -> str:
    given = section.values.get(PLUGIN)
    return otherwise if given is None else given.text
