"""
Mistakes in rules, with the place of each.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from rpcfw.app.given_options import BY_PROGRAM, PLUGIN
from rpcfw.errors import SettingsError
from rpcfw.kernel.choice import Chosen
from rpcfw.kernel.ini import Given, Origin, Section, SectionName
from rpcfw.kernel.nearest import suggestion
from rpcfw.kernel.settings import Sources
from rpcfw.spi.filter import Filter
from rpcfw.spi.options import Declared

__all__ = ["line_of", "private", "refuse_of_process", "refuse_protected", "unused"]

#: The section of the process.
APP = "app"

#: What brings a section in use, by its name.
_REMEDIES = {
    "attempts": "name a method of the service, as [attempts SERVICE/METHOD]",
    "balancer": "name a method of the service, as [balancer SERVICE/METHOD]",
    "collector": "write {} in [balancer] collectors",
    "filter": "write it in [client] insert, as {} before ATTEMPTS",
    "limiter": "write {} in [client] limiters",
    "router": "write {} in [client] routers",
}

#: Where a mistake says its line.
_LINE = re.compile(r":(\d+): ")


def line_of(mistake: str) -> int:
    """
    Return the line that a mistake is about, to sort by.
    """
    match = _LINE.search(mistake)
    return int(match[1]) if match else 0


def private(option: Declared, given: Given) -> str:
    """
    Return why rules may not give an option; empty if they may, or if the program gives it.

    Everybody who reads the registry can read rules. Who writes to it may change how calls are
    made, and no more: not what this process imports, nor which files it reads and writes.
    """
    if given.origin is BY_PROGRAM:
        return ""
    if option.secret:
        return "is secret, and rules are not; write it in the configuration"
    if option.loads_code:
        return "names code that is imported, which rules may not; write it in the configuration"
    if _has_path(option.type):
        return "names a file of this machine, which rules may not; write it in the configuration"
    return ""


def _has_path(annotation: Any) -> bool:
    return annotation is Path or any(map(_has_path, get_args(annotation)))


def refuse_protected(
    sources: Sources,
    sections: Mapping[SectionName, Section],
    configured: Iterable[Chosen[Any]],
    chosen: Iterable[Chosen[Any]],
    removed: Collection[str] = (),
) -> None:
    """
    Note options of filters that protect, where rules give them, and such filters that would go.

    Args:
        sources: where mistakes are noted.
        sections: that were given while the process runs.
        configured: what the process has by its configuration.
        chosen: what it would have.
        removed: names of places and filters that ``remove`` takes out of that.
    """
    left = {each.section for each in chosen if _protects(each)}
    for text in left:
        name = SectionName(*text.split(" ", 1))
        for key, given in sections[name].values.items() if name in sections else ():
            if given.origin is not BY_PROGRAM:
                reason = f"{name.qualifier} protects this process: change it in the configuration"
                sources.blame(name.name, key, reason, name.qualifier)
    inserts = _given(sections, "client", "insert")
    removes = _given(sections, "client", "remove")
    for each in filter(_protects, configured):
        reason = f"{each.name} protects this process, and rules may not remove it"
        if each.section not in left and inserts is not BY_PROGRAM:
            sources.blame("client", "insert", reason)
        # Not by the configuration itself, as then nobody has given it.
        if each.name in removed and removes not in (None, BY_PROGRAM):
            sources.blame("client", "remove", reason)


def _protects(chosen: Chosen[Any]) -> bool:
    return issubclass(chosen.plugin, Filter) and chosen.plugin.protects


def _given(sections: Mapping[SectionName, Section], name: str, key: str) -> Origin | None:
    """
    Return where an option is given; None if it is not.
    """
    section = sections.get(SectionName(name))
    given = None if section is None else section.values.get(key)
    return None if given is None else given.origin


def refuse_of_process(sections: Mapping[SectionName, Section], service: str) -> None:
    """
    See that what is for a whole process is no rule of a service.

    Raises:
        SettingsError: some is.
    """
    mistakes = [
        f"{section.origin}: {name}: is for a whole process: put it with --application NAME"
        for name, section in sections.items()
        if name.name == APP and service
    ]
    if mistakes:
        raise SettingsError(*mistakes)


def unused(
    sections: Mapping[SectionName, Section], used: Collection[str], of_servers: Collection[str]
) -> Iterator[str]:
    """
    Yield what is wrong with sections that nothing uses.

    Args:
        of_servers: sections that only servers use, which these rules do not reach.
    """
    for name, section in sections.items():
        switches_off = PLUGIN in section.values and "/" not in name.qualifier
        if name.text not in used and not switches_off and name.name != APP:
            remedy = _REMEDIES.get(name.name, "name its plugin")
            if name.text in of_servers:
                remedy = f"it is of [server]: put it with --application NAME; or {remedy}"
            reason = f"not in use: {remedy}"
            known = suggestion(name.text, used)
            yield f"{section.origin}: {name}: {reason.format(name.qualifier)}; {known}"
