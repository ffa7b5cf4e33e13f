"""
What a prober says of the nodes that it probes: those that it does not reach.

A prober announces itself as an instance of `PROBER_SERVICE`, and its report is a tag of that
instance. So the report ends with the prober's session in the registry, and each registry can
carry it. The report names only nodes that are not reached, and is bounded in size.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec
from attrs import field, frozen

from rpcfw.values.instance import MAX_NAME_CHARS, text_problem

__all__ = [
    "ALL_SERVICES",
    "MAX_REPORT_BYTES",
    "MIN_REACHED_PERCENT",
    "PROBER_SERVICE",
    "REPORT_TAG",
    "ProbeReport",
    "Reach",
    "UnreachedNodes",
    "report_from_json",
    "report_to_json",
]

#: The service that probers are announced as. Nobody can call it.
PROBER_SERVICE = "rpcfw.Prober"
#: The tag that holds the report.
REPORT_TAG = "report"
#: A prober that reaches less is cut off. It is the default of the panic share of clients.
MIN_REACHED_PERCENT = 50
#: Among the watched services: all that are in the registry.
ALL_SERVICES = "*"
#: The registry server takes records of twice that, in which each quote is two bytes. In the URLs
#: of Dubbo's registries it may take three times as much.
MAX_REPORT_BYTES = 8 << 10

#: Around the nodes of a service, and around all of it, in the JSON.
_SERVICE_BYTES, _HEAD_BYTES = 50, 100
_MAX_SHARE = 100


class Reach(Enum):
    """
    What one prober says of one node.
    """

    REACHED = "reached"
    NOT_REACHED = "not reached"
    #: It does not probe its service, or its report had no space for it.
    UNKNOWN = "unknown"


@frozen
class UnreachedNodes:
    """
    The nodes of one service that are not reached.

    Args:
        named: id and address of each, ordered by id; the first ones if there are too many.
        count: of all.
    """

    named: Mapping[str, str]
    count: int
    #: The id up to which no node is left out.
    last_id: str = field(init=False, eq=False)

    @last_id.default
    def _last_id(self) -> str:
        return max(self.named, default="")


@frozen
class ProbeReport:
    """
    What one prober says.

    Args:
        watches: names of the services whose nodes are probed, or `ALL_SERVICES`.
        reached_percent: how many of a hundred probed addresses have answered their last probe,
            rounded down.
        services: the unreached nodes by service, in the order of the names.
        more: services after the last one of these have unreached nodes, too.
    """

    watches: tuple[str, ...]
    reached_percent: int
    services: Mapping[str, UnreachedNodes]
    more: bool = False
    #: The service up to which none is left out.
    last_service: str = field(init=False, eq=False)

    @last_service.default
    def _last_service(self) -> str:
        return max(self.services, default="")

    @property
    def believed(self) -> bool:
        """
        Whether the prober reaches so much that it is not cut off.
        """
        return self.reached_percent >= MIN_REACHED_PERCENT

    def says(self, service: str, id: str, address: str) -> Reach:
        """
        Return what it says of the instance with this id, at this address.
        """
        if service not in self.watches and ALL_SERVICES not in self.watches:
            return Reach.UNKNOWN
        unreached = self.services.get(service)
        if unreached is None:
            hidden = self.more and service > self.last_service
            return Reach.UNKNOWN if hidden else Reach.REACHED
        named = unreached.named.get(id)
        if named is not None:
            # At another address it was another process.
            return Reach.NOT_REACHED if named == address else Reach.UNKNOWN
        hidden = len(unreached.named) < unreached.count and id > unreached.last_id
        return Reach.UNKNOWN if hidden else Reach.REACHED

    @classmethod
    def bounded(
        cls,
        watches: tuple[str, ...],
        reached_percent: int,
        unreached: Mapping[str, Mapping[str, str]],
        max_named: int,
    ) -> ProbeReport:
        """
        Return a report of as many nodes as it may name.

        All probers leave out the same ones, so that they still agree about the others.

        Args:
            unreached: addresses by service and id.
            max_named: of each service.
        """
        left = MAX_REPORT_BYTES - _HEAD_BYTES - sum(map(_bytes, watches))
        services: dict[str, UnreachedNodes] = {}
        for service in sorted(name for name, nodes in unreached.items() if nodes):
            left -= _bytes(service) + _SERVICE_BYTES
            if left < 0:
                return cls(watches, reached_percent, services, more=True)
            nodes, named = unreached[service], dict[str, str]()
            for id in sorted(nodes)[:max_named]:
                left -= _bytes(id) + _bytes(nodes[id])
                if left < 0:
                    break
                named[id] = nodes[id]
            services[service] = UnreachedNodes(named, len(nodes))
        return cls(watches, reached_percent, services)


class _Service(msgspec.Struct, omit_defaults=True):
    named: dict[str, str]
    count: int


class _Record(msgspec.Struct, omit_defaults=True):
    """
    The stored form. Unknown keys are skipped, so that a newer one is readable.
    """

    watches: tuple[str, ...]
    reached_percent: int
    services: dict[str, _Service] = {}
    more: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Record).decode


def _bytes(text: str) -> int:
    """
    Return how many bytes a text takes in the JSON, with what follows it.
    """
    return len(_encode(text)) + 1


def report_to_json(report: ProbeReport) -> str:
    """
    Return the text of a report.
    """
    services = {name: _Service(dict(o.named), o.count) for name, o in report.services.items()}
    record = _Record(report.watches, report.reached_percent, services, report.more)
    return _encode(record).decode()


def report_from_json(text: str) -> ProbeReport:
    """
    Read the text of a report.

    Raises:
        ValueError: it is none. (What a registry hands out is not trusted.)
    """
    stored = text.encode(errors="replace")
    if len(stored) > MAX_REPORT_BYTES:
        raise ValueError(f"the report has {len(stored)} bytes, more than {MAX_REPORT_BYTES}")
    try:
        record = _decode(stored)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"not a report of a prober: {error}") from None
    if not 0 <= record.reached_percent <= _MAX_SHARE:
        raise ValueError(f"reached_percent must be 0 to 100, not {record.reached_percent}")
    for name, service in record.services.items():
        _check(name)
        for each in (*service.named, *service.named.values()):
            _check(each)
        if service.count < len(service.named):
            raise ValueError(f"{len(service.named)} nodes are named of {service.count}")
    for name in record.watches:
        _check(name)
    services = {n: UnreachedNodes(o.named, o.count) for n, o in record.services.items()}
    return ProbeReport(record.watches, record.reached_percent, services, record.more)


def _check(text: str) -> None:
    problem = text_problem(text, 2 * MAX_NAME_CHARS)
    if problem:
        raise ValueError(f"a name in the report {problem}")
