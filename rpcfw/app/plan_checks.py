"""
Sections of a configuration that do not go together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rpcfw.admin.options import AdminOptions
from rpcfw.app.client_plan import ClientPlan
from rpcfw.app.options import InspectionOptions
from rpcfw.kernel.settings import Sources
from rpcfw.server.options import ServerOptions, fixed_places
from rpcfw.transport.network.tls import TLSOptions
from rpcfw.values.inherited_socket import ListenAt

__all__ = ["check_compressions", "check_ports"]


def check_ports(
    sources: Sources,
    server: ServerOptions,
    inspection: InspectionOptions,
    admin: AdminOptions,
    tls: TLSOptions,
) -> None:
    """
    See that no place is listened at twice, and that there is a certificate where one is needed.
    """
    taken: dict[str, str] = {}
    for section, options in (("server", server), ("inspection", inspection), ("admin", admin)):
        _check_listen(sources, section, options.listen, tls)
        places = {*fixed_places(options.listen or ())}
        for place in sorted(places & {*taken}):
            reason = f"[{taken[place]}] listens at {place}; name another place"
            sources.blame(section, "listen", reason)
        taken |= dict.fromkeys(places, section)


def check_compressions(
    sources: Sources, known: list[str], usual: str, clients: Mapping[str, ClientPlan | None]
) -> None:
    """
    See that the compression methods that are chosen are installed.
    """
    _check_compression(sources, known, usual, ("compression", "plugin", ""))
    for service, client in clients.items():
        if client is not None and client.options.compression:
            place = ("client", "compression", service)
            _check_compression(sources, known, client.options.compression, place)


def _check_compression(
    sources: Sources, known: list[str], name: str, place: tuple[str, str, str]
) -> None:
    if name not in ("none", *known):
        reason = f"{name!r} is not among [app] compressors: {', '.join(known)}"
        sources.blame(place[0], place[1], reason, place[2])


def _check_listen(
    sources: Sources, section: str, listen: Sequence[ListenAt] | None, tls: TLSOptions
) -> None:
    """
    See that there is a certificate to listen with, where one is needed.
    """
    secure = [str(address) for address in listen or () if address.secure]
    if secure and tls.certificate is None and not sources.has_value("tls", "certificate"):
        reason = f"{secure[0]} needs a certificate: set [tls] certificate and key"
        sources.blame(section, "listen", reason)
