"""
Which nodes are held to be dead because of the reports of probers.

Theory of operation. Probers stand in several places, because all of their networks hardly fail
at the same time. So a node is held to be dead only if a prober that is believed does not reach
it, and no prober at all reaches it. A prober that reaches few nodes, or none, is *cut off*: the
fault is probably on its own side, and what it does not reach is not believed. What it does
reach is, as an answer cannot be explained in another way.

Whoever can announce an instance can make a report, and so it cannot do much: one report that
says that a node is reached outweighs all others, and a consumer that reaches the node itself
needs no report (`probed_nodes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from rpcfw.values.instance import Instance
from rpcfw.values.probe_report import REPORT_TAG, ProbeReport, Reach, report_from_json

__all__ = ["MAX_PROBERS", "Opinion", "ProberReports"]

#: The reports of so many probers are read, of the first ones by their ids.
MAX_PROBERS = 16


@frozen
class Opinion:
    """
    What the probers say of one node.

    Args:
        reached_by: how many reach it.
        unreached_by: how many that are believed do not reach it.
        not_believed: how many that are cut off do not reach it.
    """

    reached_by: int = 0
    unreached_by: int = 0
    not_believed: int = 0

    @property
    def dead(self) -> bool:
        """
        Whether the node is held to be dead.
        """
        return self.unreached_by > 0 and not self.reached_by

    def __str__(self) -> str:
        asked = self.reached_by + self.unreached_by
        text = f"{self.reached_by} of {asked} probers reach it" if asked else ""
        if self.not_believed:
            cut_off = f"{self.not_believed} cut off, not believed"
            text = f"{text} ({cut_off})" if text else f"no prober says anything ({cut_off})"
        return text


class ProberReports:
    """
    The reports that are in the registry now.

    Args:
        instances: the probers, as they are announced.
    """

    def __init__(self, instances: Iterable[Instance] = ()) -> None:
        ordered = sorted(instances, key=lambda one: one.id)
        #: How many probers there are beyond those.
        self.ignored = max(0, len(ordered) - MAX_PROBERS)
        #: Why the reports of some cannot be read, by the ids of the probers.
        self.unreadable: dict[str, str] = {}
        self._reports: dict[str, ProbeReport] = {}
        for each in ordered[:MAX_PROBERS]:
            try:
                self._reports[each.id] = report_from_json(each.tags.get(REPORT_TAG, ""))
            except ValueError as error:
                self.unreadable[each.id] = str(error)

    @property
    def believed(self) -> int:
        """
        How many probers are not cut off.
        """
        return sum(each.believed for each in self._reports.values())

    @property
    def cut_off(self) -> int:
        """
        How many are.
        """
        return len(self._reports) - self.believed

    def opinion(self, service: str, id: str, address: str) -> Opinion:
        """
        Return what they say of one node.
        """
        reached = unreached = not_believed = 0
        for each in self._reports.values():
            says = each.says(service, id, address)
            if says is Reach.REACHED:
                reached += 1
            elif says is Reach.NOT_REACHED:
                if each.believed:
                    unreached += 1
                else:
                    not_believed += 1
        return Opinion(reached, unreached, not_believed)

    def dead(self, service: str, nodes: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """
        Return which nodes of a service are held to be dead, of these ids and addresses.

        Reports can name ten thousand others, which cost little.
        """
        named = {*self._named(service)}
        if not named:
            return set()
        return {one for one in nodes if one in named and self.opinion(service, *one).dead}

    def _named(self, service: str) -> Iterator[tuple[str, str]]:
        for each in self._reports.values():
            nodes = each.services.get(service)
            if nodes is not None and each.believed:
                yield from nodes.named.items()
