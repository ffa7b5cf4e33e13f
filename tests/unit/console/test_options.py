"""
What ``[console]`` may say.
"""

from __future__ import annotations

import pytest

from rpcfw.console.options import ConsoleOptions
from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of


def problem(**texts):
    """
    Return the only mistake of some options.
    """
    with pytest.raises(SettingsError) as caught:
        options_of(ConsoleOptions, **{"users": "users.txt", **texts})
    (mistake,) = caught.value.mistakes
    return mistake


@pytest.mark.parametrize("listen", ["tcp:0.0.0.0:2280", "tcp:10.0.0.7:2280", "tcp:[::]:2280"])
def test_passwords_do_not_travel_unencrypted(listen):
    """
    An address that other machines reach needs TLS, or a proxy that has it.
    """
    assert f"passwords would reach {listen} unencrypted" in problem(listen=listen)
    options_of(ConsoleOptions, users="users.txt", listen=listen, secure_cookies="yes")
    options_of(ConsoleOptions, users="users.txt", listen=listen.replace("tcp:", "tls:"))


@pytest.mark.parametrize("listen", ["tcp:127.0.0.1:1", "tcp:[::1]:1", "unix:/run/a", "fd:3"])
def test_addresses_of_this_machine(listen):
    """
    What only this machine reaches needs none, and of a socket that is open already nobody knows.
    """
    options_of(ConsoleOptions, users="users.txt", listen=listen)


@pytest.mark.parametrize("name", ["user_header", "address_header"])
def test_a_header_of_a_proxy_needs_proxies(name):
    """
    A header that nobody may set is a mistake.
    """
    assert f"name the proxies that may set {name}" in problem(**{name: "X-Forwarded-For"})


@pytest.mark.parametrize("name", ["X User", "X-User:", "X-Üser"])
def test_the_name_of_a_header(name):
    """
    A header that no proxy could send is a mistake.
    """
    told = problem(user_header=name, trusted_proxies="127.0.0.1")
    assert f"expected the name of a header; got {name!r}" in told
