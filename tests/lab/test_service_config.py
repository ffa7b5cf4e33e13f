"""
A service config at work: named in the INI, seen by servers.
"""

from __future__ import annotations

import json

import pytest

from rpcfw.app.plan import read_plan
from rpcfw.errors import ApplicationError, CallError, DeadlineExceeded, SettingsError
from rpcfw.kernel.settings import Sources
from rpcfw.spi.context import context
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.spi.service import Service, method
from rpcfw.status import Status

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

    def __init__(self):
        self.failures = 0
        self.retry_after_s = None
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
        try:
            return await Waiter()
        finally:
            self.cancelled += 1

    @method
    async def wait(self) -> str:
        return await Waiter()


class Scene:
    """
    Two moody servers that are called in turn, as `CONFIG` says.
    """

    def __init__(self, lab, wire, folder):
        (folder / "service.json").write_text(json.dumps(CONFIG))
        self.lab = lab
        self.services = {name: Moody() for name in "ab"}
        sets = (
            "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
            "app.protocols=native, grpc",
            "server.protocols=native, grpc",
        )
        for name, service in self.services.items():
            lab.serve(service, name=name, sets=sets)
        consumer = lab.consumer(
            *sets,
            f"client.protocols={wire}",
            f"client.service_config={folder / 'service.json'}",
            "balancer.plugin=round_robin",
        )
        self.client = consumer.application.client(Moody)

    def timed(self, coroutine):
        """
        Return how long a call took, and its answer or its error.
        """
        before = self.lab.clock.seconds()
        try:
            answer = self.lab.run(coroutine)
        except CallError as error:
            answer = error
        return self.lab.clock.seconds() - before, answer


@pytest.fixture(params=["grpc", "native"])
def wire(request):
    """
    The same over each: it is the client's doing.
    """
    return request.param


@pytest.fixture
def scene(lab, wire, tmp_path):
    return Scene(lab, wire, tmp_path)


def test_failures_are_repeated_as_the_file_says(scene):
    """
    Any method is repeated after the file's backoff; its server is told which try it is.
    """
    for service in scene.services.values():
        service.failures = 1
    took_s, answer = scene.timed(scene.client.say())

    assert ["2"] == answer
    # 0.1 and 0.2 s, each a fifth more or less.
    assert 0.24 <= took_s < 0.4


def test_attempts_have_an_end(scene):
    """
    After as many attempts as the file allows, the failure is the caller's.
    """
    for service in scene.services.values():
        service.failures = 9
    _, error = scene.timed(scene.client.say())

    assert Status.ABORTED is error.status
    assert 15 == sum(service.failures for service in scene.services.values())


def test_a_server_that_pushes_back(scene):
    """
    The server's wish crosses the wire and takes the place of the backoff.
    """
    for service in scene.services.values():
        service.failures, service.retry_after_s = 1, 0.01
    took_s, answer = scene.timed(scene.client.say())

    assert isinstance(answer, list)
    assert took_s < 0.1


@pytest.mark.parametrize(("timeout", "expected"), [(None, 1.0), ("5s", 1.0), ("200ms", 0.2)])
def test_limits(scene, timeout, expected):
    """
    The shorter of the file's limit and the caller's counts.
    """
    took_s, error = scene.timed(scene.client.wait(timeout=timeout))

    assert isinstance(error, DeadlineExceeded)
    assert abs(took_s - expected) < 0.02


def test_a_hedge_saves_a_hanging_call(scene):
    """
    A node that hangs costs no more than the delay; its attempt is cancelled there.
    """
    scene.services["a"].hangs = True
    for _ in range(2):
        took_s, answer = scene.timed(scene.client.hang())
        assert "here" == answer
        assert took_s < 0.1
    scene.lab.advance(0.01)

    assert 2 == scene.services["a"].cancelled


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
