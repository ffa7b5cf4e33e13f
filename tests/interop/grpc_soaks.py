"""
gRPC's soak cases: one large call many times, on one channel or on a new one each time.
"""

from __future__ import annotations

from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.task import deferLater

from tests.interop.grpc_cases import SimpleRequest, service, zeros

__all__ = ["SOAKS", "add_flags"]

#: (flag, default, what it is), as the published description has them.
_FLAGS = (
    ("iterations", 10, "calls to make"),
    ("max_failures", 0, "calls that may fail or take too long"),
    ("per_iteration_max_acceptable_latency_ms", 1000, "what is too long"),
    ("min_time_ms_between_rpcs", 0, "least time from one call's start to the next, by thread"),
    ("overall_timeout_seconds", 10, "when to stop, and to fail if calls are left"),
    ("request_size", 271_828, "bytes of a request's payload"),
    ("response_size", 314_159, "bytes of a response's payload"),
    ("num_threads", 1, "calls at once"),
)


def add_flags(parser):
    """
    Declare what the soaks can be told.
    """
    group = parser.add_argument_group("rpc_soak and channel_soak")
    for name, default, text in _FLAGS:
        group.add_argument(f"--soak_{name}", type=int, default=default, help=f"{text} ({default})")


class _Soak:
    """
    Calls that are timed, and those of them that were no good.
    """

    def __init__(self, given, reactor):
        self._given = given
        self._reactor = reactor
        self._until = reactor.seconds() + given.soak_overall_timeout_seconds
        self._left = given.soak_iterations
        self.made = 0
        self.faults = []

    async def work(self, call):
        """
        Make calls one after another, as one of the threads.
        """
        while self._left and self._reactor.seconds() < self._until:
            self._left -= 1
            began = self._reactor.seconds()
            await self._one(call, began)
            rest_s = self._given.soak_min_time_ms_between_rpcs / 1000
            wait_s = began + rest_s - self._reactor.seconds()
            if wait_s > 0:
                await deferLater(self._reactor, wait_s)

    async def _one(self, call, began):
        given = self._given
        request = SimpleRequest(
            response_size=given.soak_response_size, payload=zeros(given.soak_request_size)
        )
        try:
            response = await call(request)
        except Exception as error:  # noqa: BLE001 - it is counted and told
            self.faults.append(f"{type(error).__name__}: {error}")
        else:
            took_ms = (self._reactor.seconds() - began) * 1000
            if took_ms > given.soak_per_iteration_max_acceptable_latency_ms:
                self.faults.append(f"took {took_ms:.0f} ms")
            elif len(response.payload.body) != given.soak_response_size:
                self.faults.append(f"{len(response.payload.body)} bytes came")
        self.made += 1

    def judge(self):
        """
        Raise if too much went wrong.
        """
        given = self._given
        if self.made < given.soak_iterations or len(self.faults) > given.soak_max_failures:
            raise AssertionError(
                f"{self.made} of {given.soak_iterations} calls made, {len(self.faults)} of "
                f"them no good: {'; '.join(self.faults[:3])}"
            )


async def _soaked(given, reactor, call):
    soak = _Soak(given, reactor)
    threads = [ensureDeferred(soak.work(call)) for _ in range(given.soak_num_threads)]
    await gatherResults(threads, consumeErrors=True)
    soak.judge()


async def rpc_soak(application, given, new):
    """
    On one channel.
    """
    client = service(application)
    await _soaked(given, application.runtime.reactor, client.unary_call)


async def channel_soak(application, given, new):
    """
    Each call on a channel that is closed behind it.
    """

    async def call(request):
        async with new() as fresh:
            return await service(fresh).unary_call(request)

    await _soaked(given, application.runtime.reactor, call)


SOAKS = {"rpc_soak": rpc_soak, "channel_soak": channel_soak}
