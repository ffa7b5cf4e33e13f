"""
Ports for servers that are killed and come back, and for nobody else meanwhile.

The system gives a port of its own range to whoever connects or listens without naming
one, so a port of that range may be taken while its server is away; and who calls a
server that is away may by chance be given its port, and talk to itself.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from contextlib import suppress
from pathlib import Path
from random import Random

__all__ = ["free_ports"]

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int) -> list[int]:
    """
    Return ports that nobody listens at, and that were not returned before.
    """
    found: list[int] = []
    while len(found) < count:
        port = _untried.popleft()  # by one thread at a time
        if _is_free(port):
            found.append(port)
    return found


def _never_given() -> list[int]:
    """
    Return the ports below the system's range, in an order of this process's own.
    """
    lowest = 32768
    with suppress(OSError):
        lowest = int(_RANGE.read_text().split()[0])
    ports = list(range(lowest // 2, lowest))
    Random(os.getpid()).shuffle(ports)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_untried = deque(_never_given())
