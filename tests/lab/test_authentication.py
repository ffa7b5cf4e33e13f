"""
Signed calls in whole systems, over every wire.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from random import Random
from types import SimpleNamespace

import pytest

from rpcfw import CallError, Service, Status, context, method
from rpcfw.cli.explain import ask_processes
from rpcfw.cli.seen_health import ask_running
from rpcfw.errors import SettingsError
from rpcfw.spi.authenticator import BearerAuthenticator, CredentialsRefused
from rpcfw.spi.service_class import offered
from rpcfw.status import Hint
from rpcfw.values.address import Address
from rpcfw.values.caller_identity import CallerIdentity
from tests.lab import forgers
from tests.lab.forgers import ATTACKS, Forger
from tests.lab.services import Greeter
from tests.plugins.auth.secrets import NEW, OLD, line, write_keys

WIRES = ("native", "grpc", "dubbo", "tri")
#: Of each wire. ``FORGED_CALLS=10000`` makes the test thorough.
FORGED_CALLS = int(os.environ.get("FORGED_CALLS", "1000"))


class Vault(Service, name="demo.Greeter"):
    """
    Tells callers who they are.
    """

    @method
    async def write(self, name: str) -> str:
        return f"{name} by {context().identity}"

    @method
    async def count(self, numbers: list[int]) -> int:
        return sum(numbers)


class Streams(Service, name="demo.Streams"):
    """
    Streams both ways.
    """

    @method
    async def each(self, count: int) -> AsyncIterator[str]:
        for number in range(count):
            yield f"{number} by {context().identity}"


def status_of(lab, call):
    try:
        lab.run(call)
    except CallError as error:
        return error.status.name
    return "OK"


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    write_keys(path, OLD)
    return path


def server_sets(keys, *others):
    wires = f"={', '.join(WIRES)}"
    return (
        f"app.protocols{wires}",
        f"server.protocols{wires}",
        "server.authenticators=hmac",
        f"authenticator hmac.secrets={keys}",
        *others,
    )


def consumer(lab, wire, *sets):
    names = f"app.protocols={', '.join(WIRES)}"
    return lab.consumer(names, f"client.protocols={wire}", "retry.plugin=never", *sets)


def signing(keys):
    return ("credentials.plugin=hmac", f"credentials.secrets={keys}")


@pytest.mark.parametrize("wire", WIRES)
def test_signed_calls(lab, keys, wire):
    """
    A signed call is served, and its method knows who calls. An unsigned one is refused.
    """
    lab.serve(Vault(), sets=server_sets(keys))
    client = consumer(lab, wire, *signing(keys)).application.client(Vault)
    for text in ("a", "b" * 3000, "ä"):
        assert f"{text} by hmac:shop" == lab.run(client.write(text))
    assert 6 == lab.run(client.count([1, 2, 3]))
    nobody = consumer(lab, wire).application.client(Vault)
    with pytest.raises(CallError) as raised:
        lab.run(nobody.write("a"))
    assert Status.UNAUTHENTICATED is raised.value.status
    if wire != "dubbo":  # which has no such thing
        assert Hint.FINAL in raised.value.hints


@pytest.mark.parametrize("wire", ["native", "grpc", "tri"])
def test_compressed_calls_and_streams(lab, keys, wire):
    """
    The bytes that are sent are signed, so compressed ones; of a stream, the head.
    """
    compressed = ("compression.plugin=gzip", "compression.threshold=10B")
    lab.serve(Vault(), Streams(), sets=server_sets(keys, *compressed))
    application = consumer(lab, wire, *signing(keys), *compressed).application
    text = "long " * 1000
    assert f"{text} by hmac:shop" == lab.run(application.client(Vault).write(text))
    if wire == "tri":  # whose streams are of Protobuf messages only
        return

    async def received():
        return [each async for each in application.client(Streams).each(2)]

    assert ["0 by hmac:shop", "1 by hmac:shop"] == lab.run(received())


@pytest.mark.parametrize("wire", ["native", "grpc", "tri"])
def test_retries_are_signed_anew(lab, keys, wire):
    """
    Each attempt has a signature of its own, or a second one would be taken for a replay.
    """
    greeter = Greeter("a", lab.clock)
    lab.serve(greeter, sets=server_sets(keys))
    client = consumer(
        lab, wire, *signing(keys), "retry.plugin=by_hints", "retry.always_statuses=NOT_FOUND"
    ).application.client(Greeter)
    greeter.error = CallError("not yet", status=Status.NOT_FOUND)
    with pytest.raises(CallError, match="not yet"):
        lab.run(client.who())
    assert 3 == len(greeter.begun)


def test_open_methods(lab, keys):
    """
    What is open may be called by anybody, but not with wrong credentials.
    """
    lab.serve(Vault(), sets=server_sets(keys, "server.open_methods=demo.Greeter/count"))
    client = consumer(lab, "native").application.client(Vault)
    assert 3 == lab.run(client.count([3]))
    with pytest.raises(CallError, match="UNAUTHENTICATED"):
        lab.run(client.write("a"))
    with pytest.raises(CallError, match="UNAUTHENTICATED"):
        lab.run(client.count([3], metadata={"rpcfw-signature": "wrong"}))


def test_channels_to_an_address(lab, keys):
    """
    The channel of a plugin or a command sends the credentials of the service that it names.

    By itself it sends none: its server may be somebody else's.
    """
    server = lab.serve(Vault(), sets=server_sets(keys))
    address = server.application.server.addresses[0]
    (write,) = [one.method for one in offered(Vault) if one.method.name == "write"]

    def called(service, *sets):
        context = consumer(lab, "native", *signing(keys), *sets).application.runtime.plugin_context
        channel = context.open_channel(address, "native", service=service)
        status = status_of(lab, channel.call(write, write.request_type("a")))
        lab.run(channel.close())
        return status

    assert "OK" == called(Vault.service_name)
    assert "UNAUTHENTICATED" == called("")
    assert "UNAUTHENTICATED" == called("demo.Greeter", "credentials demo.Greeter.plugin=none")
    assert "OK" == called("demo.Greeter", "credentials demo.Other.plugin=none")


def test_a_guarded_process_is_asked(lab, keys):
    """
    ``rpcfw ls --of`` and ``explain --of`` sign what they ask a running process.
    """
    lab.consumer(*server_sets(keys), "inspection.listen=memory:look")
    look = Address("memory", "look")
    arguments = SimpleNamespace(
        method=("demo.Greeter", "say"), metadata=[], idempotent=False, timeout=5, of=[look]
    )

    def asked(*sets):
        application = consumer(lab, "native", *sets).application
        nodes = status_of(lab, ask_running(application, look, "", 5))
        return nodes, status_of(lab, ask_processes(application, arguments, {}))

    assert ("UNAUTHENTICATED", "UNAUTHENTICATED") == asked()
    # Nothing is called there, so there is nothing to explain.
    assert ("OK", "NOT_FOUND") == asked(*signing(keys))


def test_channels_of_plugins_have_default_policies(lab):
    """
    What users configure for calls of services does not change how a plugin calls its server.
    """
    greeter = Greeter("a", lab.clock)
    server = lab.serve(greeter)
    address = server.application.server.addresses[0]
    sets = ("retry.always_statuses=NOT_FOUND", "client.timeout=1ms")
    context = lab.consumer(*sets).application.runtime.plugin_context
    (who,) = [one.method for one in offered(Greeter) if one.method.name == "who"]
    greeter.error = CallError("not yet", status=Status.NOT_FOUND)
    channel = context.open_channel(address, "native")
    assert "NOT_FOUND" == status_of(lab, channel.call(who, who.request_type()))
    assert 1 == len(greeter.begun)
    lab.run(channel.close())


def test_live(lab, keys, tmp_path):
    """
    Keys are replaced while calls run: by another file, and by other lines in the file.
    """
    server = lab.serve(Vault(), sets=server_sets(keys))
    application = consumer(lab, "native", *signing(keys)).application
    client = application.client(Vault)
    lab.run(client.write("a"))
    write_keys(keys, NEW)
    lab.advance(2)
    assert "a by hmac:shop" == lab.run(client.write("a"))
    write_keys(tmp_path / "others", OLD)
    others = {"secrets": str(tmp_path / "others")}
    lab.run(server.application.policies.replace("authenticator hmac", others))
    with pytest.raises(CallError, match="UNAUTHENTICATED"):
        lab.run(client.write("a"))
    lab.run(application.policies.replace("credentials", others))
    assert "a by hmac:shop" == lab.run(client.write("a"))
    with pytest.raises(SettingsError, match="cannot be read"):
        lab.run(application.policies.replace("credentials", {"secrets": "/nowhere"}))


class Tokens(BearerAuthenticator):
    """
    A user's own: knows one token.
    """

    async def identity_of(self, token, call):
        if token != "good":
            raise CredentialsRefused("an unknown token")
        return CallerIdentity(("token:bob",))


@pytest.mark.parametrize("wire", WIRES)
def test_bearer_tokens(lab, tmp_path, wire):
    """
    A token from a file is sent on every wire, and a user's plugin says whose it is.
    """
    path = tmp_path / "token"
    path.write_text("good")
    plugin = "plugins.authenticators.tokens=tests.lab.test_authentication:Tokens"
    names = (f"app.protocols={', '.join(WIRES)}", f"server.protocols={', '.join(WIRES)}")
    lab.serve(Vault(), sets=(*names, plugin, "server.authenticators=tokens"))
    bearer = ("credentials.plugin=bearer", f"credentials.token={path}")
    client = consumer(lab, wire, *bearer).application.client(Vault)
    assert "a by token:bob" == lab.run(client.write("a"))
    path.write_text("bad")
    lab.advance(1)
    assert "UNAUTHENTICATED" == status_of(lab, client.write("a"))


@pytest.mark.parametrize("wire", WIRES)
def test_rules_about_identities(lab, keys, wire):
    """
    Rules say which methods a caller may use, by what it has proved; they change while calls run.
    """
    rules = "filter access.rules=allow identity=hmac:shop & method=write"
    sets = server_sets(keys, "server.insert=access after AUTH", rules)
    server = lab.serve(Vault(), sets=sets)
    client = consumer(lab, wire, *signing(keys)).application.client(Vault)
    assert ["OK", "PERMISSION_DENIED"] == [
        status_of(lab, client.write("a")),
        status_of(lab, client.count([1])),
    ]
    others = {"rules": "allow identity=hmac:shop & method=count"}
    lab.run(server.application.policies.replace("filter access", others))
    assert ["PERMISSION_DENIED", "OK"] == [
        status_of(lab, client.write("a")),
        status_of(lab, client.count([1])),
    ]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        ("remove=AUTH", "AUTH refuses the callers whom .* set open_methods"),
        ("insert=access after DEADLINE", "not found out yet who calls; write access after AUTH"),
        ("insert=audit after ACCESS_LOG, access after audit", "write access after AUTH"),
        ("insert=access before AUTH", ""),
        ("insert=audit after AUTH, access before audit", ""),
    ],
)
def test_places_where_nobody_is_known(lab, keys, edit, problem):
    """
    No edit of the filters lets calls pass that authenticators and rules would refuse.
    """
    rules = ("filter access.rules=deny identity=hmac:shop", "filter access.default=allow")
    sets = server_sets(keys, f"server.{edit}", *(rules if "access" in edit else ()))
    if problem:
        with pytest.raises(SettingsError, match=problem):
            lab.serve(Vault(), sets=sets)
        return
    lab.serve(Vault(), sets=sets)
    client = consumer(lab, "native", *signing(keys)).application.client(Vault)
    assert "PERMISSION_DENIED" == status_of(lab, client.write("a"))


@pytest.mark.parametrize("wire", WIRES)
def test_the_audit_trail(lab, keys, tmp_path, wire):
    """
    Calls that authenticators and rules refuse are written with their reasons, others are not.
    """
    trail = tmp_path / "audit.log"
    inserts = "server.insert=audit after ACCESS_LOG, access after AUTH"
    rules = "filter access.rules=allow method=write"
    sets = server_sets(keys, inserts, rules, f"filter audit.file={trail}")
    lab.serve(Vault(), sets=sets)
    client = consumer(lab, wire, *signing(keys)).application.client(Vault)
    nobody = consumer(lab, wire).application.client(Vault)
    wrong = {"rpcfw-signature": "wrong"}
    ended = [
        status_of(lab, client.write("a")),
        status_of(lab, client.count([1])),
        status_of(lab, nobody.write("a", metadata=wrong)),
        status_of(lab, nobody.write("a")),
    ]
    lines = [json.loads(line) for line in trail.read_text().splitlines()]
    assert ended == ["OK", *(line["status"] for line in lines)]
    assert [["hmac:shop"], [], []] == [line["identity"] for line in lines]
    assert "no rule allows it" == lines[0]["reason"]
    assert "expected one well-formed rpcfw-signature" in lines[1]["reason"]
    assert "wrong" not in trail.read_text()


@pytest.mark.parametrize("wire", WIRES)
def test_no_forged_call_passes(lab, keys, wire):
    """
    Of all forged, expired, wrongly scoped and replayed calls none reaches a method.

    Between them, honest calls pass.
    """
    greeter = Greeter("a", lab.clock)
    write_keys(keys, OLD, line("report", "report", b"r" * 32))
    only_shop = ("server.insert=access after AUTH", "filter access.rules=allow identity=hmac:shop")
    lab.serve(greeter, sets=server_sets(keys, *only_shop))
    forging = (
        "plugins.credentials.forger=tests.lab.forgers:Forger",
        "credentials.plugin=forger",
    )
    client = consumer(lab, wire, *forging).application.client(Greeter)
    Forger.random = Random(f"{wire} forged")
    refused, honest = dict.fromkeys(map(_name, (*ATTACKS, forgers.replayed)), 0), 0

    def attack(kind):
        Forger.attack = kind
        return status_of(lab, client.write("bob"))

    for number in range(FORGED_CALLS):
        if number % 2:
            kind = forgers.replayed
            assert "OK" == attack(forgers.honest)
            honest += 1
        else:
            kind = ATTACKS[number // 2 % len(ATTACKS)]
        known = kind is forgers.another_owner
        expected = "PERMISSION_DENIED" if known else "UNAUTHENTICATED"
        assert expected == attack(kind), (kind, Forger.sent)
        refused[_name(kind)] += 1
    assert FORGED_CALLS == sum(refused.values())
    assert min(refused.values()) > 0
    assert honest == len(greeter.begun) == FORGED_CALLS // 2


class Overloaded(Service, name="demo.Overloaded"):
    """
    Has two methods with one name in Java.
    """

    @method(name="write")
    async def write(self, name: str) -> str:
        return name

    @method(name="write(java.lang.Object)")
    async def write_any(self, name: str) -> str:
        return f"any {name}"


@pytest.mark.parametrize("wire", WIRES)
def test_a_signature_is_of_one_overload(lab, keys, wire):
    """
    A signed call cannot be moved to another method with the same name and other Java types.
    """
    lab.serve(Overloaded(), sets=server_sets(keys))
    client = consumer(lab, wire, *signing(keys)).application.client(Overloaded)
    assert ["a", "any a"] == [lab.run(client.write("a")), lab.run(client.write_any("a"))]
    if wire in ("dubbo", "tri"):  # the types are in the message, whose attacks are in ATTACKS
        return
    forging = ("plugins.credentials.forger=tests.lab.forgers:Forger", "credentials.plugin=forger")
    forger = consumer(lab, wire, *forging).application.client(Overloaded)
    Forger.random, Forger.attack = Random(wire), forgers.another_overload
    assert "UNAUTHENTICATED" == status_of(lab, forger.write_any("a"))
    assert "OK" == status_of(lab, forger.write("a"))


def _name(kind):
    return kind.__name__
