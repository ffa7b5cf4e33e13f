"""
Users whom a trusted proxy names.
"""

from __future__ import annotations

import pytest

from rpcfw.console.access.accounts import Accounts
from rpcfw.console.access.identity import Identities
from rpcfw.console.access.roles import Role
from rpcfw.console.access.sessions import Sessions
from rpcfw.console.access.users import User
from rpcfw.console.http.messages import BadRequest, WebRequest
from rpcfw.console.options import ConsoleOptions
from rpcfw.kernel.settings import options_of


class Known:
    """
    Knows one user.
    """

    def find(self, name):
        return User("ann", Role.ADMIN) if name == "ann" else None


def identities(**texts):
    given = {"user_header": "X-User", "trusted_proxies": "10.0.0.9, ::1", **texts}
    options = options_of(ConsoleOptions, **given)
    accounts = Accounts(options, Known())
    sessions = Sessions(100.0, 10.0, lambda: 0.0, accounts.find)
    return Identities(options, accounts, sessions)


def request(peer, *names, cookies=()):
    return WebRequest("GET", "/", peer=peer, headers={"x-user": [*names]}, cookies=dict(cookies))


def test_a_trusted_proxy_names_the_user():
    """
    The role is that of the file, and the session goes on with the cookie.
    """
    known = identities()
    found = known.of(request("10.0.0.9", "ann"))
    assert ("ann", Role.ADMIN) == (found.session.user, found.session.role)
    name, _, value = found.cookie.partition(";")[0].partition("=")
    again = known.of(request("::ffff:10.0.0.9", "ann", cookies={name: value}))
    assert found.session is again.session
    assert "" == again.cookie


def test_a_session_is_not_for_another_user():
    """
    A cookie of one user is no session of another whom the proxy names.
    """
    known = identities(proxy_role="viewer")
    first = known.of(request("10.0.0.9", "ann"))
    name, _, value = first.cookie.partition(";")[0].partition("=")
    second = known.of(request("10.0.0.9", "bob", cookies={name: value}))
    assert ("bob", Role.VIEWER) == (second.session.user, second.session.role)


@pytest.mark.parametrize("peer", ["10.0.0.8", "", "memory:client", "10.0.0.9.evil"])
def test_others_name_nobody(peer):
    """
    From any other address the header is as if it was not there, even with a cookie.
    """
    known = identities()
    name, _, value = known.of(request("::1", "ann")).cookie.partition(";")[0].partition("=")
    assert known.of(request(peer, "ann", cookies={name: value})).session is None


def test_users_without_a_role():
    """
    A user whom the file does not have has no access, unless there is a role for such users.
    """
    assert identities().of(request("10.0.0.9", "bob")).session is None


@pytest.mark.parametrize("name", ["", "a:b", "a" * 65, "\u202eann"])
def test_no_names(name):
    """
    What is no name is no user.
    """
    assert identities(proxy_role="admin").of(request("10.0.0.9", name)).session is None


def test_two_users_at_a_time():
    """
    A second header may be what somebody has sent through the proxy.
    """
    with pytest.raises(BadRequest):
        identities().of(request("10.0.0.9", "ann", "bob"))
