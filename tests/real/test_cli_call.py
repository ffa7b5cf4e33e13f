"""
``rpcfw call``, with a registry server and a provider as processes beside it.
"""

from __future__ import annotations

import json
import signal
from types import SimpleNamespace

import pytest

from tests.real.commands import Running, address_in, registry, rpcfw

PROBE = """
from __future__ import annotations

import rpcfw


class Probe(rpcfw.Service, name="demo.Probe"):
    @rpcfw.method
    async def hang(self, word: str = "") -> str:
        print("hanging", word, flush=True)
        try:
            await rpcfw.spi.runtime.waiting.Waiter()
        finally:
            print("given up", word, flush=True)

    @rpcfw.method
    def refuse(self) -> str:
        raise rpcfw.ApplicationError(rpcfw.Status.ALREADY_EXISTS, "there is one already")

    @rpcfw.method
    def fail(self) -> str:
        raise ValueError("a secret of the server's")

    @rpcfw.method
    def tokens(self) -> list[str]:
        return [str(value) for value in rpcfw.context().metadata.all("token")]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """
    A registry server and a provider; ``call`` asks the provider through the registry.
    """
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.py").write_text(PROBE)
    node, node_at = registry()
    sets = (
        f"app.python_path=examples/greeter, {folder}",
        "server.services=service:Greeter, probe:Probe",
        "limits.max_receive_bytes=64KiB",
    )
    words = [word for each in sets for word in ("--set", each)]
    serve = ("serve", "-c", "conf/provider.ini", "--log-level", "error", *words)
    with node, Running(*serve, RPCFW_REGISTRY__ADDRESS=node_at) as provider:
        provider_at = address_in(provider.line())

        def call(*arguments, **more):
            command = ("call", "-c", "conf/consumer.ini", *arguments)
            return rpcfw(*command, RPCFW_REGISTRY__ADDRESS=node_at, **more)

        yield SimpleNamespace(call=call, node=node_at, provider=provider, at=provider_at)


def test_json_in_json_out(world):
    """
    The shipped files and a call of a method, as the README has it.
    """
    done = world.call("demo.Greeter/say", '{"name": "bob"}')

    assert (0, '"hello bob"\n', "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("arguments", "stdin", "printed"),
    [
        (["demo.Greeter/say", '{"name": "bob"}'], "", ["hello bob"]),
        (["demo.Greeter/count", '{"to": 3}'], "", [1, 2, 3]),
        (["demo.Greeter/total", "1", "2", "3"], "", [6]),
        (["demo.Greeter/total"], "1\n2\n\n3", [6]),
        (["demo.Greeter/chat", '"a"', '"ä"'], "", ["you said: a", "you said: ä"]),
        (["demo.Greeter/chat"], '"a"\n', ["you said: a"]),
    ],
)
def test_every_shape_can_be_streamed(world, arguments, stdin, printed):
    """
    With --stream messages come from arguments or standard input, answers line by line.
    """
    done = world.call("--stream", *arguments, stdin=stdin)

    assert (0, "") == (done.returncode, done.stderr)
    assert printed == [json.loads(line) for line in done.stdout.splitlines()]


def test_a_misspelt_parameter(world):
    """
    A parameter that the method does not have is refused, though it has defaults for all.
    """
    done = world.call("demo.Probe/hang", '{"wrod": "x"}')

    assert 1 == done.returncode
    assert "INVALID_ARGUMENT: demo.Probe/hang has no parameter 'wrod'; it has: word" in done.stderr


def test_options_may_stand_anywhere(world):
    """
    An option between messages is an option still.
    """
    done = world.call("demo.Greeter/total", "1", "--stream", "2")

    assert "3\n" == done.stdout, done.stderr


def test_a_request_may_come_from_standard_input(world):
    """
    A request of - is read to the end of standard input.
    """
    done = world.call("demo.Greeter/say", "-", stdin='{"name":\n "bob"}')

    assert '"hello bob"\n' == done.stdout, done.stderr


def test_without_a_registry(world):
    """
    With --address no registry is asked, and no file is needed.
    """
    for more in ([], ["--protocol", "native"], ["--stream"]):
        at = ("--address", f"tcp:{world.at}", *more)
        done = rpcfw("call", *at, "demo.Greeter/say", '{"name": "bob"}')
        assert '"hello bob"\n' == done.stdout, done.stderr


def test_metadata_is_sent_along(world):
    """
    Pairs given with --metadata reach the method, in their order.
    """
    pairs = ("--metadata", "token=a=b", "--metadata", "token=c")
    done = world.call(*pairs, "demo.Probe/tokens")

    assert '["a=b","c"]\n' == done.stdout, done.stderr


SAY = "demo.Greeter/say"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param([SAY, '{"name": bob}'], 2, "message 1 is no JSON: ", id="wrong JSON"),
        pytest.param([SAY, "[" * 9999], 2, "message 1 is no JSON: ", id="deep JSON"),
        pytest.param([SAY, '"\udcff"'], 2, "message 1 is no JSON: ", id="no UTF-8"),
        pytest.param([SAY, '{"name": 1}'], 1, "INVALID_ARGUMENT: the request", id="wrong type"),
        pytest.param([SAY, '{"nme": ""}'], 1, "INVALID_ARGUMENT: the request", id="wrong name"),
        pytest.param([SAY, "1", "2"], 2, "2 requests were given", id="two requests"),
        pytest.param(
            ["demo.Greter/say"], 1, "UNAVAILABLE: no instance of demo.Greter", id="unknown service"
        ),
        pytest.param(
            ["demo.Greeter/sya"], 1, "UNIMPLEMENTED: demo.Greeter has no", id="unknown method"
        ),
        pytest.param(
            ["demo.Greeter/count", '{"to": 3}'],
            1,
            "UNIMPLEMENTED: the method answers with a stream",
            id="a stream not asked for",
        ),
        pytest.param(
            ["demo.Probe/hang", "--timeout", "100ms"],
            1,
            # Both sides watch the clock, and whoever looks first says it.
            ("DEADLINE_EXCEEDED: no answer from", "DEADLINE_EXCEEDED: the call's time was over"),
            id="expired deadline",
        ),
        pytest.param(
            [SAY, "--timeout", "0s"], 1, "DEADLINE_EXCEEDED: no time was left", id="no time"
        ),
        pytest.param(
            ["demo.Probe/refuse"], 1, "ALREADY_EXISTS: there is one already", id="refusal"
        ),
        pytest.param(["demo.Probe/fail"], 1, "UNKNOWN: ValueError in demo.Probe/fail", id="bug"),
        pytest.param(
            [SAY, "--set", "client.timout=1s"],
            2,
            "--set client.timout: [client] timout: unknown option; did you mean 'timeout'?",
            id="wrong configuration",
        ),
        pytest.param(
            [SAY, "--protocol", "nativ"], 2, "--set app.protocols: ", id="unknown protocol"
        ),
        pytest.param([SAY, "-c", "conf/none.ini"], 2, "conf/none.ini: ", id="no such file"),
    ],
)
def test_a_failure_is_one_clear_line(world, arguments, code, said):
    """
    What is wrong is told in one line with the status it has, and by the exit code.
    """
    done = world.call(*arguments)

    assert (code, "") == (done.returncode, done.stdout), done.stderr
    assert done.stderr.startswith(said), done.stderr
    assert 1 == done.stderr.count("\n")


@pytest.mark.parametrize("arguments", [(), ("--stream",)])
def test_a_message_that_is_too_large(world, arguments):
    """
    A message over the server's limit names the option, the limit and the size.
    """
    large = json.dumps({"name": "b" * (1 << 16)})

    done = world.call(*arguments, SAY, "-", stdin=large)

    assert (1, "") == (done.returncode, done.stdout), done.stderr
    assert done.stderr.startswith("RESOURCE_EXHAUSTED: "), done.stderr
    assert "max_receive_bytes" in done.stderr
    assert 1 == done.stderr.count("\n")


def test_a_line_that_is_no_json_gives_the_call_up(world):
    """
    A wrong line in the middle of a stream is told with its number.
    """
    done = world.call("--stream", "demo.Greeter/total", stdin="1\nx\n3\n")

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("message 2 is no JSON: "), done.stderr


def test_a_dead_address(world):
    """
    An address where nobody listens is told with the reason.
    """
    done = rpcfw("call", "--address", "tcp:127.0.0.1:1", SAY)

    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("UNAVAILABLE: no connection to tcp:127.0.0.1:1"), done.stderr


def test_a_service_that_is_not_served_at_an_address(world):
    """
    A provider says that it has no such service.
    """
    done = rpcfw("call", "--address", world.at, "demo.Greter/say")

    assert 1 == done.returncode
    assert done.stderr.startswith("UNIMPLEMENTED: the service 'demo.Greter'"), done.stderr


def test_a_registry_that_is_away():
    """
    Without a registry the call ends with its time, and says what it waited for.
    """
    sets = ("--set", "registry.address=127.0.0.1:1", "--timeout", "300ms")
    done = rpcfw("call", *sets, SAY)

    assert (1, "") == (done.returncode, done.stdout)
    (line,) = done.stderr.splitlines()
    assert line.startswith("DEADLINE_EXCEEDED: the registry (standalone at tcp:127.0.0.1:1)"), line
    assert "Connection refused" in line or "refused" in line


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("demo.Greeter.say", "if say is the method: demo.Greeter/say"),
        ("--timeout=3", "'3' has no unit"),
        ("--metadata=token", "'token' is not NAME=VALUE"),
        ("--address=tcp:1", "'tcp:1' is no address"),
    ],
)
def test_wrong_arguments(argument, said):
    """
    An argument that cannot be read ends in a usage error that says how it is written.
    """
    done = rpcfw("call", argument, SAY)

    assert 2 == done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_interrupted(world):
    """
    Ctrl-C gives the call up, here and at the server.
    """
    call = ("call", "--address", f"tcp:{world.at}", "--timeout", "60s", "demo.Probe/hang")
    with Running(*call, '{"word": "long"}') as calling:
        while (line := world.provider.line()) != "hanging long":
            assert line, "the provider has ended"
        assert (130, "", "") == calling.end(signal.SIGINT)
    assert "given up long" == world.provider.line()
