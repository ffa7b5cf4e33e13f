"""
The client that does as it should: small calls, a stream, a large answer, over both wires.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import rpcfw
from benchmarks.soak.service import Soaked

__all__ = ["Honest"]

_WIRES = ("native", "grpc")
#: Between two calls, so that it is the others who make the load.
_PAUSE_S = 0.005
_EVERY = 50


class Honest:
    """
    One process that calls the server over both wires, and repeats nothing.

    Args:
        port: of the server.
        timeout_s: of a call.
    """

    def __init__(self, port: int, timeout_s: float) -> None:
        self.times_ms: list[float] = []
        self.lost: list[str] = []
        self._applications = [
            rpcfw.blocking(
                sets=[
                    "app.protocols=native, grpc",
                    "registry.plugin=static",
                    f"registry.instances=soak.Soaked = tcp:127.0.0.1:{port} protocols={wire}",
                    f"client.protocols={wire}",
                    "retry.plugin=never",
                    f"client.timeout={timeout_s}s",
                ]
            )
            for wire in _WIRES
        ]
        self._clients: list[Any] = []

    def __enter__(self) -> Honest:
        for application in self._applications:
            self._clients.append(application.__enter__().client(Soaked))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for application in self._applications:
            application.__exit__(kind, error, trace)

    def call(self, seconds: float) -> None:
        """
        Make calls for so long, and note how long each took, and what was lost.
        """
        ends_at = time.monotonic() + seconds
        number = 0
        while time.monotonic() < ends_at:
            number += 1
            for client in self._clients:
                self._timed(client, number)
            time.sleep(_PAUSE_S)

    @property
    def p99_ms(self) -> float:
        return sorted(self.times_ms)[int(len(self.times_ms) * 0.99)]

    def line(self) -> str:
        """
        Return how it goes.
        """
        count, lost = len(self.times_ms), len(self.lost)
        p50_ms = sorted(self.times_ms)[count // 2] if count else 0.0
        p99_ms, longest_ms = (self.p99_ms, max(self.times_ms)) if count else (0.0, 0.0)
        return (
            f"{count:,} calls, {lost} lost, p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms, "
            f"longest {longest_ms:.0f} ms"
        )

    def _timed(self, client: Any, number: int) -> None:
        began = time.monotonic()
        try:
            if number % _EVERY == 0:
                _expect(100_000, len(client.large(100_000)))
            elif number % _EVERY == 1:
                _expect(list(range(100)), list(client.count(100)))
            else:
                _expect(str(number), client.echo(str(number)))
        except (rpcfw.CallError, ValueError) as error:
            self.lost.append(f"{type(error).__name__}: {error}")
        self.times_ms.append((time.monotonic() - began) * 1000)


def _expect(expected: Any, found: Any) -> None:
    if found != expected:
        raise ValueError(f"expected {expected!r}, got {found!r}"[:200])
