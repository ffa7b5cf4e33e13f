"""
What ``[app]``, ``[rules]`` and ``[inspection]`` may say.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from rpcfw.kernel.extras import needs
from rpcfw.server.options import listen_problems
from rpcfw.spi.options import option, options
from rpcfw.values.inherited_socket import ListenAt
from rpcfw.values.units import Bytes, Seconds

__all__ = ["AppOptions", "InspectionOptions", "RuleOptions"]


@options
class AppOptions:
    """
    Options of the process, ``[app]``.
    """

    name: str = option("rpcfw", "name of this application, sent to registries and peers")
    reactor: Literal["auto", "epoll", "asyncio", "uvloop"] = option(
        "auto",
        "Twisted reactor: epoll, asyncio (to await asyncio objects), uvloop; auto: the asyncio "
        "loop that runs where the application starts, or epoll",
    )
    python_path: tuple[Path, ...] = option("", "folders to import services and plugins from")
    codecs: tuple[str, ...] = option("json, protobuf, raw", "codecs to use, if they are installed")
    compressors: tuple[str, ...] = option(
        "gzip, zstd", "compression methods that are accepted, if they are installed"
    )
    protocols: tuple[str, ...] = option(
        "native", "wire protocols to load besides those of [server], [client] and the registry"
    )
    shutdown_timeout: Seconds = option("30s", "time limit for the whole stop", was="stop_limit")
    retained_memory: Bytes = option(
        "32MiB",
        "freed memory to keep for the next large message, best eight times its size; 0B: none",
        was="keep_memory",
    )
    gc_thresholds: tuple[int, ...] = option(
        "10000, 10, 50",
        "minimum thresholds of Python's garbage collector; empty: do not change them",
    )
    log_level: Literal["debug", "info", "warn", "error"] = option(
        "info", "lowest level that is logged"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find folders that are not there, a reactor that is not installed, wrong numbers.
        """
        if self.gc_thresholds and (len(self.gc_thresholds) != 3 or min(self.gc_thresholds) < 1):
            given = ", ".join(map(str, self.gc_thresholds))
            yield "gc_thresholds", f"it takes three numbers of at least 1, or none, not {given}"
        for folder in self.python_path:
            if not folder.is_dir():
                yield "python_path", f"there is no folder {folder}"
        if self.reactor == "uvloop" and find_spec("uvloop") is None:
            yield "reactor", f"uvloop {needs('uvloop')}"


@options
class RuleOptions:
    """
    How a process begins to follow rules, ``[rules]``.
    """

    initial_timeout: Seconds = option(
        "1s",
        "how long the first calls to a service wait until its rules are known; 0s: not at all",
    )


@options
class InspectionOptions:
    """
    Ports that show this process to tools, whether it serves anything or only calls.

    Connections and calls there have the limits of ``[server]``, and pass its filters.
    """

    listen: tuple[ListenAt, ...] = option(
        "", "addresses where tools can look at this process, also if it serves nothing; empty: none"
    )
    services: tuple[str, ...] = option(
        "grpc_health, grpc_channelz, grpc_reflection, explain, nodes",
        "services about the process, served there",
    )
    protocols: tuple[str, ...] = option("native, grpc", "wire protocols on each of these ports")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find ports that would show nothing.
        """
        for reason in listen_problems(self.listen):
            yield "listen", reason
        for name in ("services", "protocols") if self.listen else ():
            if not getattr(self, name):
                yield name, "name at least one, or leave [inspection] listen empty"
