"""
Tags: a call with a tag goes to the instances that carry it (grey release, test lanes).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.router import Reasons, Router
from rpcfw.values.call import Call

__all__ = ["TagRouter"]


@options
class TagOptions:
    """
    What the INI may say.
    """

    tag: str = option(
        "tag", "name of the metadata of a call and of the tag of an instance that are compared"
    )
    default: str = option("", "tag of the calls whose metadata has none; empty: no tag")
    force: bool = option("false", "fail a call if no instance matches, instead of using others")
    pass_on: bool = option(
        "no", "give the tag of a call to the calls that are made to serve it, too"
    )


class TagRouter(Router):
    """
    Compares a call's metadata with the tags of the instances.

    ========================  =========================  ===========================
    the call                  goes to instances with     if there are none, unless
                                                         ``force`` is on
    ========================  =========================  ===========================
    has a tag                 the same tag               instances without a tag
    has none                  no tag                     any
    ========================  =========================  ===========================

    So an instance with a tag is left in peace by calls that did not ask for it, and
    a call never ends at an instance with another tag than its own.
    """

    Options: ClassVar[type] = TagOptions

    def __init__(self, options: TagOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._name = options.tag
        self._force = options.force
        self._default = options.default
        self._metadata_name = options.tag.lower()

    @property
    def passed_on(self) -> tuple[str, ...]:
        return (self._metadata_name,) if self.options.pass_on else ()

    def key(self, call: Call) -> Hashable:
        return call.metadata.get(self._metadata_name, self._default)

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        wanted = self.key(call)
        fitting = self._tagged(wanted, candidates)
        if fitting or self._force:
            return fitting
        return candidates if wanted == "" else self._tagged("", candidates)

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        wanted, name = self.key(call), self._name
        step = f"the call has {name}={wanted}" if wanted != "" else f"the call has no {name}"
        if not self._tagged(wanted, candidates):
            used = f"those without {name}" if wanted != "" else "all"
            step += f", which no instance fits; used: {used if left else 'none'}"

        def of(one: Candidate) -> str:
            tag = one.instance.tags.get(name, "")
            return f"it has {name}={tag}" if tag else f"it has no {name}"

        return Reasons(step, of)

    def _tagged(self, wanted: Hashable, candidates: Sequence[Candidate]) -> list[Candidate]:
        name = self._name
        return [one for one in candidates if one.instance.tags.get(name, "") == wanted]
