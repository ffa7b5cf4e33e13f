"""
Who may call what, at the client and at the server.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import PermissionDenied, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.filter import FilterContract
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_routers.access import AccessRouter
from rpcfw_routers.access_filter import AccessFilter

GIVEN = [candidate("a"), candidate("b")]


def router(application="shop-web", host="10.1.0.7", **options: str) -> AccessRouter:
    context = plugin_context(application=application)
    return AccessRouter(options_of(AccessRouter.Options, host=host, **options), context)


def server_filter(**options: str) -> AccessFilter:
    return AccessFilter(options_of(AccessFilter.Options, **options), plugin_context())


class TestAccessRouterContract(RouterContract):
    def make(self):
        return router(deny="shop-*", methods="write")


class TestAllowedContract(RouterContract):
    def make(self):
        return router(allow="shop-*")


class TestAccessFilterContract(FilterContract):
    def make(self):
        return server_filter(deny="nobody")


#: Options, application, host, and whether a call is allowed.
CASES = [
    ({"allow": "shop-*"}, "shop-web", "", True),
    ({"allow": "shop-*"}, "report", "", False),
    ({"allow": "shop-*"}, "", "", False),
    ({"deny": "report, test-*"}, "report", "", False),
    ({"deny": "report, test-*"}, "shop-web", "", True),
    ({"allow": "*", "deny": "report"}, "report", "", False),
    ({"allow_hosts": "10.1.0.0/16"}, "any", "10.1.0.7", True),
    ({"allow_hosts": "10.1.0.0/16"}, "any", "10.2.0.7", False),
    ({"allow_hosts": "10.1.0.0/16"}, "any", "", False),
    ({"deny_hosts": "10.1.0.7, fd00::/8"}, "any", "10.1.0.7", False),
    ({"deny_hosts": "10.1.0.7, fd00::/8"}, "any", "fd00::1", False),
    ({"deny_hosts": "10.1.0.7, fd00::/8"}, "any", "10.1.0.8", True),
    ({"deny_hosts": "fd00:0:0::1"}, "any", "fd00::1", False),
    ({"deny_hosts": "10.1.*"}, "any", "10.1.0.8", False),
    ({"allow": "shop-*", "allow_hosts": "10.1.0.0/16"}, "shop-web", "10.2.0.7", False),
    ({"allow": "shop-*", "allow_hosts": "10.1.0.0/16"}, "shop-web", "10.1.0.7", True),
    ({"deny": "*", "methods": "write, drop*"}, "any", "", True),
    ({"deny": "*", "methods": "sa*"}, "any", "", False),
    ({"deny": "*", "methods": "demo.Greeter/*"}, "any", "", False),
    ({"deny": "*", "methods": "demo.Shop/*"}, "any", "", True),
]


@pytest.mark.parametrize(("options", "application", "host", "allowed"), CASES)
def test_at_the_client(options, application, host, allowed):
    """
    The router leaves all instances, or none if this application or its host is refused.
    """
    made = router(application, host, **options)

    assert (GIVEN if allowed else []) == list(made.narrow(a_call(), GIVEN))


@pytest.mark.parametrize(("options", "application", "host", "allowed"), CASES)
def test_at_the_server(options, application, host, allowed):
    """
    The filter refuses the same calls as PERMISSION_DENIED, before the method runs.
    """
    peer = f"[{host}]:4711" if ":" in host else f"{host}:4711"
    call = a_call(caller=application, peer=peer if host else "a local peer")
    ran = []

    async def method(call):
        ran.append(call)

    done = run(server_filter(**options).apply(call, method))
    assert allowed is bool(ran)
    assert allowed is (done is None)


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


def test_the_message():
    """
    The refusal names who was refused, the method, and the section of the options.
    """
    refused = run(server_filter(deny="report").apply(a_call(caller="report"), None))

    assert "the application 'report' may not call demo.Greeter/say; see [filter access]" in str(
        refused
    )


@pytest.mark.parametrize(
    ("options", "peer", "is_refused"),
    [
        ({"deny_hosts": "10.0.0.7"}, "10.0.0.7:4711", True),
        ({"deny_hosts": "10.0.0.7"}, "[::ffff:10.0.0.7]:4711", True),
        ({"deny_hosts": "10.0.0.7"}, "10.0.0.8:4711", False),
        ({"deny_hosts": "fe80::/10"}, "[fe80::1%eth0]:4711", True),
        ({"allow_hosts": "10.0.0.0/8"}, "10.0.0.7:4711", False),
        ({"allow_hosts": "10.0.0.0/8"}, "a local peer", True),
        ({"deny_hosts": "*"}, "a local peer", True),
    ],
)
def test_peers(options, peer, is_refused):
    """
    A server knows the host of a caller by the peer of its connection.
    """

    async def rest(call):
        return b""

    refused = run(server_filter(**options).apply(a_call(peer=peer), rest))
    assert is_refused == (refused is not None)


def test_no_rules():
    """
    A list without entries is a mistake: it would refuse nobody.
    """
    for make in router, server_filter:
        with pytest.raises(SettingsError, match="set at least one of allow, deny"):
            make()


@pytest.mark.parametrize("text", ["10.1.0.0/33", "shop.example", "10.1.0"])
def test_what_is_no_host(text):
    """
    A host that no peer can have is refused, so that nobody believes it to be denied.
    """
    with pytest.raises(SettingsError, match="is no host"):
        server_filter(deny_hosts=text)
