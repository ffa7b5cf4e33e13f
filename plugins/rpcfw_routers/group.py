"""
Groups: a consumer is isolated to business groups and versions of a service.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.router import Reasons, Router
from rpcfw.values.call import Call
from rpcfw.values.patterns import pattern
from rpcfw_routers.able import able

__all__ = ["GroupRouter"]


@options
class GroupOptions:
    """
    What the INI may say.
    """

    groups: tuple[str, ...] = option(
        "", "groups to use, the first one first; further ones take over; empty: any group"
    )
    versions: tuple[str, ...] = option(
        "", "the same for versions, as 2.*; all of one group are tried before the next group"
    )
    min_instances: int = option(
        "1", "the next group or version takes over if fewer instances than this can take calls"
    )
    force: bool = option("true", "no: use all instances if no group or version has one")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what isolates nobody, and what no group can have.
        """
        if not self.groups and not self.versions:
            yield "groups", "name at least one group here, or one version in versions"
        if self.min_instances < 1:
            yield "min_instances", f"must be at least 1, not {self.min_instances}"


class GroupRouter(Router):
    """
    Uses the first pair of group and version that has enough instances.

    If none has enough, all pairs help together. Instances of other groups and versions
    get no calls, unless ``force`` is off and there are no others.
    """

    Options: ClassVar[type] = GroupOptions
    options: GroupOptions

    def __init__(self, options: GroupOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._choices = [
            (pattern(group), pattern(version), f"group {group}, version {version}")
            for group in options.groups or ("*",)
            for version in options.versions or ("*",)
        ]

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        for _, found in self._of_choices(candidates):
            if able(found) >= self.options.min_instances:
                return found
        together = [one for one in candidates if self._is_named(one)]
        return together if together or self.options.force else candidates

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        steps = []
        for name, found in self._of_choices(candidates):
            steps.append(f"{name}: {able(found)} can take calls")
            if able(found) >= self.options.min_instances:
                break
        else:
            named = any(self._is_named(one) for one in left)
            used = "all of these together" if named else "all instances" if left else "none"
            steps.append(f"none has {self.options.min_instances}; used: {used}")

        def of(one: Candidate) -> str:
            group, version = one.instance.group, one.instance.version
            return f"it has group {group or '(none)'}, version {version or '(none)'}"

        return Reasons("; ".join(steps), of)

    def _of_choices(self, candidates: Sequence[Candidate]) -> Iterator[tuple[str, list[Candidate]]]:
        """
        Yield each pair of group and version, and the candidates that fit it.
        """
        for fits_group, fits_version, name in self._choices:
            yield (
                name,
                [
                    one
                    for one in candidates
                    if fits_group(one.instance.group) and fits_version(one.instance.version)
                ],
            )

    def _is_named(self, candidate: Candidate) -> bool:
        instance = candidate.instance
        return any(
            fits_group(instance.group) and fits_version(instance.version)
            for fits_group, fits_version, _ in self._choices
        )
