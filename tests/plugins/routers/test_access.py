"""
Who may call what, at the client and at the server.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from rpcfw.errors import PermissionDenied, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.status import Hint
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.filter import FilterContract
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.caller_identity import CallerIdentity
from rpcfw_routers.access import AccessRouter
from rpcfw_routers.access_filter import AccessFilter

GIVEN = [candidate("a"), candidate("b")]
WEB = "spiffe://example.org/shop/web"


def router(application="shop-web", host="10.1.0.7", **options: str) -> AccessRouter:
    context = plugin_context(application=application)
    return AccessRouter(options_of(AccessRouter.Options, host=host, **options), context)


def server_filter(clock=None, **options: str) -> AccessFilter:
    return AccessFilter(options_of(AccessFilter.Options, **options), plugin_context(clock))


class TestAccessRouterContract(RouterContract):
    def make(self):
        return router(rules="deny application=shop-* & method=write", default="allow")


class TestAllowedContract(RouterContract):
    def make(self):
        return router(rules="allow application=shop-*")


class TestAccessFilterContract(FilterContract):
    def make(self):
        return server_filter(rules="deny application=nobody", default="allow")


#: Rules, default, application, host, and whether a call of demo.Greeter/say is allowed.
CASES = [
    ("allow application=shop-*", "deny", "shop-web", "", True),
    ("allow application=shop-*", "deny", "report", "", False),
    ("allow application=shop-*", "deny", "", "", False),
    ("deny application=report,test-*", "allow", "report", "", False),
    ("deny application=report,test-*", "allow", "shop-web", "", True),
    ("allow\ndeny application=report", "deny", "report", "", False),
    ("deny application=report\nallow", "deny", "shop", "", True),
    ("allow host=10.1.0.0/16", "deny", "any", "10.1.0.7", True),
    ("allow host=10.1.0.0/16", "deny", "any", "10.2.0.7", False),
    ("allow host=10.1.0.0/16", "deny", "any", "", False),
    ("deny host=10.1.0.7,fd00::/8", "allow", "any", "10.1.0.7", False),
    ("deny host=10.1.0.7,fd00::/8", "allow", "any", "fd00::1", False),
    ("deny host=10.1.0.7,fd00::/8", "allow", "any", "10.1.0.8", True),
    ("deny host=fd00:0:0::1", "allow", "any", "fd00::1", False),
    ("deny host=10.1.*", "allow", "any", "10.1.0.8", False),
    ("deny host!=10.0.0.0/8", "allow", "any", "", False),
    ("allow application=shop-* & host=10.1.0.0/16", "deny", "shop-web", "10.2.0.7", False),
    ("allow application=shop-* & host=10.1.0.0/16", "deny", "shop-web", "10.1.0.7", True),
    ("deny method=write,drop*", "allow", "any", "", True),
    ("deny method=sa*", "allow", "any", "", False),
    ("deny method=demo.Greeter/*", "allow", "any", "", False),
    ("deny method=demo.Shop/*", "allow", "any", "", True),
    ("deny service=demo.*", "allow", "any", "", False),
    ("deny service!=demo.Greeter", "allow", "any", "", True),
    ("deny metadata.tenant=red", "allow", "any", "", True),
    ("deny metadata.Tenant=blue", "allow", "any", "", False),
    ("allow metadata.tenant=blue & method=say", "deny", "any", "", True),
    ("# nobody\n\nallow   method=no", "deny", "any", "", False),
]


@pytest.mark.parametrize(("rules", "default", "application", "host", "allowed"), CASES)
def test_at_the_client(rules, default, application, host, allowed):
    """
    The router leaves all instances, or none if the rules refuse the call.
    """
    made = router(application, host, rules=rules, default=default)

    left = made.narrow(a_call(metadata={"tenant": "blue"}), GIVEN)
    assert (GIVEN if allowed else []) == list(left)


@pytest.mark.parametrize(("rules", "default", "application", "host", "allowed"), CASES)
def test_at_the_server(rules, default, application, host, allowed):
    """
    The filter refuses the same calls as PERMISSION_DENIED, before the method runs.
    """
    peer = f"[{host}]:4711" if ":" in host else f"{host}:4711"
    peer = peer if host else "a local peer"
    call = a_call(caller=application, peer=peer, metadata={"tenant": "blue"})
    ran = []

    async def method(call):
        ran.append(call)

    done = run(server_filter(rules=rules, default=default).apply(call, method))
    assert allowed is bool(ran)
    assert allowed is (done is None)


@pytest.mark.parametrize(
    ("rules", "names", "allowed"),
    [
        ("allow identity=spiffe://example.org/shop/*", [WEB], True),
        ("allow identity=spiffe://example.org/shop/*", ["dns:a", WEB], True),
        ("allow identity=spiffe://example.org/shop/*", ["spiffe://example.org/bank"], False),
        ("allow identity=spiffe://example.org/shop/*", [f"uri:{WEB}"], False),
        ("allow identity=spiffe://example.org/shop/*", [], False),
        ("allow identity=dns:*.example.org", ["dns:a.example.org"], True),
        ("allow identity=dns:*.example.org", ["hmac:a.example.org"], False),
        ("allow\ndeny identity=dns:A.Example.ORG", ["dns:a.example.org"], False),
        ("allow identity=*:*", [], False),
        ("allow identity=*:*", ["hmac:a"], True),
        ("allow\ndeny identity!=*:*", [], False),
        ("allow\ndeny identity!=*:*", ["hmac:a"], True),
        ("allow\ndeny identity!=hmac:*", ["dns:a"], False),
        ("allow\ndeny identity=hmac:b", ["hmac:a", "hmac:b"], False),
    ],
)
def test_identities(rules, names, allowed):
    """
    A condition holds for an identity if it does for one of its names, with its kind.
    """
    call = a_call()
    call.identity = CallerIdentity(tuple(names))

    assert allowed is (run(server_filter(rules=rules).apply(call, served)) is None)


async def served(call):
    return b""


def run(coroutine):
    """
    Run a coroutine that does not wait; return the refusal that it raised.
    """
    try:
        coroutine.send(None)
    except StopIteration:
        return None
    except PermissionDenied as refusal:
        return refusal
    raise AssertionError("it waits")


def test_who_is_told_what():
    """
    The caller learns that it may not call the method. The rule and the caller are in the log.
    """
    call = a_call(caller="report", peer="10.0.0.7:4711")
    call.identity = CallerIdentity(("hmac:report",))
    with capturedLogs() as events:
        refused = run(
            server_filter(rules="deny identity=hmac:report", default="allow").apply(call, None)
        )

    assert "PERMISSION_DENIED: this caller may not call demo.Greeter/say" == str(refused)
    assert Hint.FINAL == refused.hints
    assert "the rule 'deny identity=hmac:report' holds" == str(refused.__cause__)
    assert (
        "[filter access] refuses a call of demo.Greeter/say by hmac:report, application 'report', "
        "from 10.0.0.7:4711: the rule 'deny identity=hmac:report' holds"
    ) == formatEvent(events[0])


def test_the_log_is_limited():
    """
    However many calls are refused, a few lines a minute say so.
    """
    filter = server_filter(rules="allow method=other")
    with capturedLogs() as events:
        for _ in range(1000):
            assert "no rule allows it" == str(run(filter.apply(a_call(), None)).__cause__)
    assert 5 == len(events)


@pytest.mark.parametrize(
    ("rules", "peer", "is_refused"),
    [
        ("deny host=10.0.0.7", "10.0.0.7:4711", True),
        ("deny host=10.0.0.7", "[::ffff:10.0.0.7]:4711", True),
        ("deny host=10.0.0.7", "10.0.0.8:4711", False),
        ("deny host=::ffff:10.0.0.7", "10.0.0.7:4711", True),
        ("deny host=::ffff:10.0.0.0/104", "[::ffff:10.0.0.7]:4711", True),
        ("deny host=fe80::1%eth0", "[fe80::1%eth0]:4711", True),
        ("deny host=fe80::/10", "[fe80::1%eth0]:4711", True),
        ("deny host!=10.0.0.0/8", "10.0.0.7:4711", False),
        ("deny host!=10.0.0.0/8", "a local peer", True),
        ("deny host=*", "a local peer", True),
    ],
)
def test_peers(rules, peer, is_refused):
    """
    A server knows the host of a caller by the peer of its connection.
    """
    made = server_filter(rules=rules, default="allow")
    assert is_refused == (run(made.apply(a_call(peer=peer), served)) is not None)


@pytest.mark.parametrize("name", ["write", "demo.Greeter/write", "demo.Greeter/*", "write(int)"])
def test_overloaded_methods(name):
    """
    A rule about a method is about each method of Java with this name.
    """
    call = a_call(method="write(int)")
    assert run(server_filter(rules=f"deny method={name}", default="allow").apply(call, served))
    assert run(server_filter(rules=f"allow method={name}").apply(call, served)) is None


def test_a_file_of_rules(tmp_path):
    """
    Rules in a file are added to those of the INI, and followed while they can be read.
    """
    clock, path = Clock(), tmp_path / "rules"
    path.write_text("# all\nallow\n")
    made = server_filter(clock, rules="deny method=write", file=str(path))

    def allowed(method):
        return run(made.apply(a_call(method=method), served)) is None

    assert [True, False] == [allowed("say"), allowed("write")]
    for text, expected in (
        (b"allow method=who", False),
        (b"alow", False),
        (b"allow", True),
        (b"deny application=b\xfcro\nallow method=who", True),
        (b"", True),  # as it is while somebody writes it
        (b"allow method=who", False),
        (b"# none\n", False),
    ):
        path.write_bytes(text)
        clock.advance(1)
        assert [expected, False] == [allowed("say"), allowed("write")]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "rules: expected a rule, as: allow application="),
        ({"rules": "deny host=10.0.0.7"}, "default: no rule allows a call"),
        ({"rules": "permit method=a"}, "line 1 .*: expected allow or deny before .*'permit'"),
        ({"rules": "\nallow methd=a"}, "line 2 .*'methd'; did you mean 'method'"),
        ({"rules": "allow metadata.=a"}, "no field of a call is called 'metadata.'"),
        ({"rules": "allow method"}, "'method' is no condition"),
        ({"rules": "allow host=10.1.0.0/33"}, "is no host"),
        ({"rules": "allow host=shop.example"}, "is no host"),
        ({"rules": "allow host=10.1.0"}, "is no host"),
        ({"rules": "deny application=old # until May"}, "a comment needs a line of its own"),
        ({"rules": "allow\n" * 1001}, "1001 rules, more than 1000"),
        ({"file": "/nowhere"}, "file: /nowhere cannot be read"),
    ],
)
def test_mistakes(options, problem):
    """
    A rule that cannot be read is a mistake at the start, at either end.
    """
    for make in router, server_filter:
        with pytest.raises(SettingsError, match=problem):
            make(**options)


def test_mistakes_about_identities():
    """
    An identity without its kind fits nobody, and a client knows none.
    """
    for text in ("hmac", "*", "shop"):
        with pytest.raises(SettingsError, match="is no identity; write its kind before it"):
            server_filter(rules=f"allow identity={text}")
    for text in ("HMAC:shop", "Spiffe://example.org/a", "spiffe:example.org/a", "spiffe://A.org/a"):
        with pytest.raises(SettingsError, match=r"is no identity; .* in lower case"):
            server_filter(rules=f"deny identity={text}", default="allow")
    with pytest.raises(SettingsError, match="no field of a call is called 'identity'"):
        router(rules="allow identity=hmac:a")
