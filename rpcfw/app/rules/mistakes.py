"""
Mistakes in rules, with the place of each.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import get_args

from rpcfw.app.given_options import BY_PROGRAM, PLUGIN
from rpcfw.errors import SettingsError
from rpcfw.kernel.ini import Given, Section, SectionName
from rpcfw.kernel.nearest import suggestion
from rpcfw.spi.options import Declared

__all__ = ["line_of", "private", "refuse_of_process", "unused"]

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
    if Path in (option.type, *get_args(option.type)):
        return "names a file of this machine, which rules may not; write it in the configuration"
    return ""


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
