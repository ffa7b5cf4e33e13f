"""
What the soak's server serves, and the process that serves it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from benchmarks.certificate import certificate
from rpcfw import Application, Service, method

__all__ = ["Soaked", "serve"]


class Soaked(Service, name="soak.Soaked"):
    """
    Methods that are cheap to ask for and costly to answer.
    """

    @method(idempotent=True)
    async def echo(self, text: str) -> str:
        return text

    @method(idempotent=True)
    async def large(self, size: int) -> str:
        return "x" * min(size, 1 << 20)

    @method
    async def count(self, upto: int) -> AsyncIterator[int]:
        for number in range(upto):
            yield number

    @method
    async def unread(self, numbers: AsyncIterator[int]) -> int:
        await deferLater(_reactor(), 30)
        return 0

    @method(one_way=True)
    async def tell(self, text: str) -> None:
        await deferLater(_reactor(), 1)


def serve(folder: Path) -> None:
    """
    Serve until standard input ends; print the ports and the pid as JSON first.
    """
    file = certificate(folder)
    application = Application.from_ini(
        sets=[
            "app.protocols=native, grpc",
            "registry.plugin=memory",
            "server.protocols=native, grpc",
            "server.listen=tcp:127.0.0.1:0, tls:127.0.0.1:0",
            f"tls.certificate={file}",
        ],
        services=(Soaked(),),
    )

    async def run() -> None:
        assert application.server is not None
        ports = [address.port for address in application.server.addresses]
        print(json.dumps({"ports": ports, "pid": os.getpid()}), flush=True)
        await deferToThread(sys.stdin.read)

    application.run(run)


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor
