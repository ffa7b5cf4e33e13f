"""
grpc.health.v1: whether the server and its services serve, as probes ask it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from rpcfw.errors import ApplicationError
from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.inspection import HealthBoard, Inspection
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.spi.service import Service
from rpcfw.status import Status
from rpcfw.values.health import Health
from rpcfw_grpc.services.schema import Schema

__all__ = ["GRPCHealth", "HealthService"]

SCHEMA = Schema(
    "grpc/health/v1/health.proto",
    """
    package grpc.health.v1;

    message HealthCheckRequest { string service = 1; }

    message HealthCheckResponse {
      enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
      ServingStatus status = 1;
    }

    message HealthListRequest {}

    message HealthListResponse { map<string, HealthCheckResponse> statuses = 1; }

    service Health {
      rpc Check(HealthCheckRequest) returns (HealthCheckResponse);
      rpc List(HealthListRequest) returns (HealthListResponse);
      rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse);
    }
    """,
)

_Response = SCHEMA.message("HealthCheckResponse")
_ListResponse = SCHEMA.message("HealthListResponse")
_NUMBERS = {Health.UNKNOWN: 0, Health.SERVING: 1, Health.NOT_SERVING: 2, None: 3}
#: What one answer of `List` may hold, as gRPC has it.
_MAX_LISTED = 100


class GRPCHealth(BuiltinService):
    """
    gRPC's health service: Check, Watch, List.
    """

    def services(self, inspection: Inspection) -> Sequence[Service]:
        return [HealthService(inspection.health)]


class HealthService(Service, name=SCHEMA.name("Health")):
    """
    Answers for one server and its services.

    Args:
        board: who serves.
    """

    def __init__(self, board: HealthBoard) -> None:
        self._board = board
        self._draining = False
        self._watching: set[_Watch] = set()

    @SCHEMA.rpc("Health", "Check")
    async def check(self, request: Any) -> Any:
        health = self._board.of(request.service)
        if health is None:
            raise ApplicationError(
                Status.NOT_FOUND, f"no service {request.service!r} is served here"
            )
        return _Response(status=_NUMBERS[health])

    @SCHEMA.rpc("Health", "List")
    async def list(self, request: Any) -> Any:
        known = self._board.all()
        if len(known) > _MAX_LISTED:
            raise ApplicationError(
                Status.RESOURCE_EXHAUSTED,
                f"{len(known)} services are known here and a list has {_MAX_LISTED} at most; "
                "ask for them one by one with Check",
            )
        listed = {name: _Response(status=_NUMBERS[health]) for name, health in known.items()}
        return _ListResponse(statuses=listed)

    @SCHEMA.rpc("Health", "Watch")
    async def watch(self, request: Any) -> AsyncIterator[Any]:
        watch = _Watch()
        end = self._board.watch(watch.wake)
        self._watching.add(watch)
        try:
            reported = -1
            while True:
                now = _NUMBERS[self._board.of(request.service)]
                if now != reported:
                    reported = now
                    yield _Response(status=now)
                    continue  # it may have changed while the caller read
                if self._draining:
                    return
                await watch.news()
        finally:
            self._watching.discard(watch)
            end()

    async def leaving(self) -> None:
        self._draining = True
        for watch in tuple(self._watching):
            watch.wake()


class _Watch:
    """
    The event of one watcher.
    """

    def __init__(self) -> None:
        self._waiter: Waiter[None] | None = None

    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.called:
            waiter.callback(None)

    async def news(self) -> None:
        """
        Return after the next `wake`.
        """
        self._waiter = Waiter()
        await self._waiter
