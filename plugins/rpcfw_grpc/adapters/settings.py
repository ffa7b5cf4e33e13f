"""
The settings of the application behind a channel to one target.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rpcfw.values.address import Address
from rpcfw_grpc.adapters.channel_options import ChannelOptions
from rpcfw_grpc.adapters.credentials import tls_settings
from rpcfw_grpc.adapters.targets import addresses, instances

__all__ = ["INSECURE", "settings"]

#: In place of credentials.
INSECURE = object()

_BASE = (
    "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
    "app.protocols=native, grpc",
    "client.protocols=grpc",
    # What any call may be compressed with.
    "app.compressors=gzip, deflate",
    # As grpcio has it: a call whose caller names no timeout has none.
    "client.timeout=none",
    "client.stream_timeout=none",
)


@contextmanager
def settings(
    target: str,
    credentials: Any,
    options: Iterable[tuple[str, Any]] | None,
    compression: Any,
    sets: Sequence[str],
) -> Iterator[list[str]]:
    """
    Give all settings, as for ``--set``, while the file lies there that they may name.

    Args:
        sets: the caller's own, over all others.

    Raises:
        ContractError: target, options or compression cannot be used.
        TypeError: the credentials cannot.
    """
    secure = credentials is not INSECURE
    found = addresses(target, secure=secure)
    tls = tls_settings(credentials) if secure else []
    wanted = ChannelOptions(options, compression)
    made = [*_BASE, *_registry(found, wanted.policy), *tls, *wanted.sets]
    if not wanted.service_config:
        yield [*made, *sets]
        return
    # It is read while the application is made, and not looked at again.
    with TemporaryDirectory(prefix="rpcfw-") as folder:
        config = Path(folder, "service_config.json")
        config.write_text(wanted.service_config, encoding="utf-8")
        yield [*made, f"client.service_config={config}", *sets]


def _registry(found: tuple[Address, ...], policy: str) -> list[str]:
    """
    Return where to look: at all addresses of a name only if they take turns.
    """
    if policy == "pick_first":
        # The first that answers is connected to, whatever addresses a name has.
        return ["registry.plugin=static", f"registry.instances={instances(found)}"]
    plugin = "dns" if any(_is_name(address) for address in found) else "static"
    turns = ["balancer.plugin=round_robin"]
    return [f"registry.plugin={plugin}", f"registry.instances={instances(found)}", *turns]


def _is_name(address: Address) -> bool:
    if address.scheme == "unix":
        return False
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        return True
    return False
