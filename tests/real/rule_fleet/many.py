"""
``python -m tests.real.rule_fleet.many COUNT``: the watches of many consumers at one ZooKeeper.

Each consumer is a bare connection that does what a process does for the rules of one service
and of its application: it looks whether each record is there and has that watched, and after a
change it waits up to 300 ms, looks again and reads. So one machine carries them all.
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
import sys
import time
from pathlib import Path

from kazoo.client import KazooClient

from rpcfw.values.rule import application_scope, service_scope
from rpcfw_registries.rules.store import record_path
from tests.real.zookeeper_server import ZooKeeperServer

_PATHS = [
    record_path("/rpcfw", scope) for scope in (service_scope("demo.Shop"), application_scope("web"))
]
_SESSION_MS = 10_000
#: The longest wait of a consumer before it reads a change.
_SPREAD_S = 0.3
#: Sessions that are opened at a time.
_AT_ONCE = 200
_EXISTS, _READ, _PING = 3, 4, 11
_NOTIFICATION, _PONG = -1, -2


class Consumer(asyncio.Protocol):
    """
    One session.
    """

    def __init__(self) -> None:
        self.ready = asyncio.get_running_loop().create_future()
        self.data = b""
        self._pending = b""
        self._asked: list[int] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send(struct.pack(">iqiqi16s?", 0, 0, _SESSION_MS, 0, 16, bytes(16), False))

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while len(self._pending) >= 4:
            end = 4 + int.from_bytes(self._pending[:4], "big")
            if len(self._pending) < end:
                return
            packet, self._pending = self._pending[4:end], self._pending[end:]
            self._take(packet)

    def ping(self) -> None:
        """
        Keep the session.
        """
        self._send(struct.pack(">ii", _PONG, _PING))

    def _take(self, packet: bytes) -> None:
        if not self.ready.done():
            for path in _PATHS:
                self._ask(_EXISTS, path)
            self.ready.set_result(None)
            return
        xid = int.from_bytes(packet[:4], "big", signed=True)
        if xid == _NOTIFICATION:
            wait_s = _SPREAD_S * random.random()
            asyncio.get_running_loop().call_later(wait_s, self._look)
        elif xid != _PONG and self._asked.pop(0) == _READ:
            (length,) = struct.unpack_from(">i", packet, 16)
            self.data = packet[20 : 20 + length]

    def _look(self) -> None:
        self._ask(_EXISTS, _PATHS[0])
        self._ask(_READ, _PATHS[0])

    def _ask(self, kind: int, path: str) -> None:
        self._asked.append(kind)
        name = path.encode()
        watch = kind == _EXISTS
        self._send(struct.pack(f">iii{len(name)}s?", 1, kind, len(name), name, watch))

    def _send(self, packet: bytes) -> None:
        self._transport.write(len(packet).to_bytes(4, "big") + packet)


class Measured:
    """
    A server, and what it has done so far.
    """

    def __init__(self, server: ZooKeeperServer) -> None:
        self._server = server

    def number(self, name: str) -> int:
        """
        Return one of the figures that the server keeps.
        """
        lines = self._server.ask("mntr").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}\t"))

    def cpu_s(self) -> float:
        """
        Return the processor time that it has used.
        """
        assert self._server._process is not None  # noqa: SLF001
        stat = Path(f"/proc/{self._server._process.pid}/stat").read_text()  # noqa: SLF001
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / 100

    def memory_mib(self) -> int:
        """
        Return the memory that it takes.
        """
        assert self._server._process is not None  # noqa: SLF001
        status = Path(f"/proc/{self._server._process.pid}/status").read_text()  # noqa: SLF001
        return int(status.partition("VmRSS:")[2].split()[0]) // 1024


async def _measure(server: ZooKeeperServer, writer: KazooClient, count: int) -> dict[str, object]:
    loop, measured = asyncio.get_running_loop(), Measured(server)
    before_mib = measured.memory_mib()
    consumers: list[Consumer] = []
    while len(consumers) < count:
        made = [loop.create_connection(Consumer, "127.0.0.1", server.port) for _ in range(_AT_ONCE)]
        some = [consumer for _, consumer in await asyncio.gather(*made)]
        await asyncio.gather(*(consumer.ready for consumer in some))
        consumers += some
        for one in consumers if len(consumers) % 1000 == 0 else ():
            one.ping()
    await asyncio.sleep(2)
    found: dict[str, object] = {
        "consumers": len(consumers),
        "watches": measured.number("zk_watch_count"),
        "server_mib": (before_mib, measured.memory_mib()),
    }
    found["change"] = await _change(measured, writer, consumers)
    found["idle"] = await _idle(measured, consumers)
    return found


async def _change(
    measured: Measured, writer: KazooClient, consumers: list[Consumer]
) -> dict[str, object]:
    """
    Change the record once; return what that took until all consumers have it.
    """
    packets, cpu_s, record = measured.number("zk_packets_received"), measured.cpu_s(), b"x" * 1000
    begun = time.monotonic()
    await asyncio.to_thread(writer.set, _PATHS[0], record)
    while not all(one.data == record for one in consumers):  # noqa: ASYNC110 - so many events
        await asyncio.sleep(0.02)
    took_s = time.monotonic() - begun
    return {
        "all_have_it_s": round(took_s, 2),
        "requests": measured.number("zk_packets_received") - packets,
        "server_cpu_s": round(measured.cpu_s() - cpu_s, 2),
        "watches": measured.number("zk_watch_count"),
    }


async def _idle(measured: Measured, consumers: list[Consumer]) -> dict[str, object]:
    """
    Return the load without changes: a ping of each session in a third of its timeout.
    """
    every_s = _SESSION_MS / 3000
    packets, cpu_s, begun = (
        measured.number("zk_packets_received"),
        measured.cpu_s(),
        time.monotonic(),
    )
    for _ in range(3):
        part = every_s / 100
        for number in range(100):
            for one in consumers[number::100]:
                one.ping()
            await asyncio.sleep(part)
    took_s = time.monotonic() - begun
    return {
        "requests_per_s": round((measured.number("zk_packets_received") - packets) / took_s),
        "server_cpu": round((measured.cpu_s() - cpu_s) / took_s, 3),
    }


def main() -> None:
    """
    Measure, and print the figures.
    """
    server = ZooKeeperServer(properties=["-Xmx1g"])
    server.serve()
    writer = KazooClient(server.address)
    try:
        writer.start()
        for path in _PATHS:
            writer.create(path, b"{}", makepath=True)
        found = asyncio.run(_measure(server, writer, int(sys.argv[1])))
    finally:
        writer.stop()
        writer.close()
        server.remove()
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
