"""
A service config at work: named in the INI, seen by servers.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from rpcfw.app.plan import read_plan
from rpcfw.errors import ApplicationError, CallError, DeadlineExceeded, SettingsError
from rpcfw.kernel.settings import Sources
from rpcfw.spi.context import context
from rpcfw.spi.service import Service, method
from rpcfw.spi.waiting import Waiter, spawn
from rpcfw.status import Status
from tests.lab.lab_case import LabCase

RETRY = {
    "maxAttempts": 3,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["ABORTED"],
}
CONFIG = {
    "methodConfig": [
        {"name": [{"service": "demo.Moody"}], "timeout": "1s", "retryPolicy": RETRY},
        {
            "name": [{"service": "demo.Moody", "method": "hang"}],
            "hedgingPolicy": {"maxAttempts": 2, "hedgingDelay": "0.05s"},
        },
    ]
}


class Moody(Service, name="demo.Moody"):
    """
    Fails as often as it is told to, and hangs where it is told to.
    """

    def __init__(self) -> None:
        self.failures = 0
        self.retry_after_s: float | None = None
        self.hangs = False
        self.cancelled = 0

    @method
    async def say(self) -> list[str]:
        if self.failures:
            self.failures -= 1
            raise ApplicationError(Status.ABORTED, "moody", retry_after_s=self.retry_after_s)
        return [str(value) for value in context().metadata.all("grpc-previous-rpc-attempts")]

    @method
    async def hang(self) -> str:
        if not self.hangs:
            return "here"
        never: Waiter[str] = Waiter()
        try:
            return await never
        finally:
            self.cancelled += 1

    @method
    async def wait(self) -> str:
        never: Waiter[str] = Waiter()
        return await never


def written(config: Any) -> Path:
    """
    Return a file that holds it.
    """
    path = Path(tempfile.mkdtemp()) / "service.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    return path


class ServiceConfigTest(LabCase):
    wire = "grpc"
    provider_sets = ("app.protocols=native, grpc", "server.protocols=native, grpc")

    def setUp(self) -> None:
        plugin = "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol"
        self.provider_sets = (*self.provider_sets, plugin)
        places = ", ".join(f"memory:{name} protocols={self.wire}" for name in "ab")
        self.consumer_sets = (
            plugin,
            "app.protocols=native, grpc",
            f"client.protocols={self.wire}",
            f"client.service_config={written(CONFIG)}",
            f"registry.instances=demo.Moody = {places}",
        )
        super().setUp()

    def service(self, name: str) -> Moody:
        return Moody()

    def timed(self, coroutine: Any) -> tuple[float, Any]:
        """
        Return how long a call took, and its answer or its error.
        """
        before = self.clock.seconds()
        running = spawn(coroutine)
        running.addErrback(lambda failure: failure.trap(CallError) and failure.value)
        answer = self.turn_until(running)
        return self.clock.seconds() - before, answer

    def test_failures_are_repeated_as_the_file_says(self) -> None:
        """
        Any method is repeated after the file's backoff; its server is told which try it is.
        """
        for service in self.services.values():
            service.failures = 1
        took_s, answer = self.timed(self.client.say())

        expected = ["2"] if self.wire == "grpc" else []
        assert expected == answer
        # 0.1 and 0.2 s, each a fifth more or less.
        assert 0.24 <= took_s < 0.4

    def test_attempts_have_an_end(self) -> None:
        """
        After as many attempts as the file allows, the failure is the caller's.
        """
        for service in self.services.values():
            service.failures = 9
        _, error = self.timed(self.client.say())

        assert Status.ABORTED is error.status
        assert 15 == sum(service.failures for service in self.services.values())

    def test_a_server_that_pushes_back(self) -> None:
        """
        The server's wish crosses the wire and takes the place of the backoff.
        """
        for service in self.services.values():
            service.failures, service.retry_after_s = 1, 0.01
        took_s, answer = self.timed(self.client.say())

        assert isinstance(answer, list)
        assert took_s < 0.1

    def test_limits(self) -> None:
        """
        The shorter of the file's limit and the caller's counts.
        """
        for timeout, expected in ((None, 1.0), ("5s", 1.0), ("200ms", 0.2)):
            took_s, error = self.timed(self.client.wait(timeout=timeout))
            assert isinstance(error, DeadlineExceeded)
            assert abs(took_s - expected) < 0.02

    def test_a_hedge_saves_a_hanging_call(self) -> None:
        """
        A node that hangs costs no more than the delay; its attempt is cancelled there.
        """
        self.services["a"].hangs = True
        for _ in range(2):
            took_s, answer = self.timed(self.client.hang())
            assert "here" == answer
            assert took_s < 0.1
        self.clock.pump([0.001] * 10)

        assert 2 == self.services["a"].cancelled


class NativeServiceConfigTest(ServiceConfigTest):
    """
    The same over the native wire: it is the client's doing, but for the count.
    """

    wire = "native"


def test_mistakes_name_their_place(tmp_path):
    """
    What is wrong in the file is told with the INI's mistakes, by INI line and JSON path.
    """
    (tmp_path / "service.json").write_text('{"methodConfig": [{"name": [{}], "timeout": 1}]}')
    (tmp_path / "a.ini").write_text("[client]\nservice_config = service.json\ntimout = 3s\n")
    with pytest.raises(SettingsError) as refused:
        read_plan(Sources.load([tmp_path / "a.ini"]))
    told = "\n".join(refused.value.mistakes)
    assert "a.ini:2: [client] service_config:" in told
    assert "service.json: methodConfig[0].timeout: expected seconds as text" in told


def test_a_file_that_is_not_there(tmp_path):
    """
    A file that cannot be read is a mistake of the settings, with its path.
    """
    sources = Sources.load(sets=[f"client.service_config={tmp_path}/none.json"])
    with pytest.raises(SettingsError, match=r"none\.json cannot be read: No such file"):
        read_plan(sources)
